#include "data/sinks/paraview/live_link.hpp"

#include <vtkExtractsDeliveryHelper.h>
#include <vtkMultiProcessController.h>
#include <vtkObjectFactory.h>
#include <vtkPVSessionBase.h>
#include <vtkSMSessionProxyManager.h>

namespace eddyline_paraview {

vtkStandardNewMacro(LiveLink);

bool LiveLink::show(vtkSMSessionProxyManager& proxies, int step, double time) {
  if (!Initialize(&proxies)) {
    return true;  // none listens: another time
  }
  do {
    InsituUpdate(time, step);
    InsituPostProcess(time, step);
  } while (GetSimulationPaused() != 0 && WaitForLiveChange() == 0);
  // VTK lets go of it, on all ranks, when its first rank finds the connection broken.
  return ExtractsDeliveryHelper != nullptr;
}

}  // namespace eddyline_paraview
