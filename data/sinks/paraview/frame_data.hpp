#pragma once

#include <vtkDataSet.h>
#include <vtkSmartPointer.h>

#include "data/sinks/paraview/catalyst_interface.h"

namespace eddyline_paraview {

/// The points that this rank holds as image data (uniform) or a rectilinear grid, at their place in
/// the whole grid. Arrays are used where they lie, not copied; they carry their units
/// (vtkDataArray::UNITS_LABEL), as do the field data "units" ("u: K") and "time unit". Points and
/// cells of ghost layers are marked.
vtkSmartPointer<vtkDataSet> make_data(EddylineCatalystFrame const& frame);

}  // namespace eddyline_paraview
