#include "core/process_group.hpp"

#include <numeric>

#include "core/error.hpp"
#include "core/gpu_backend.hpp"
#include "core/mpi_backend.hpp"

namespace eddyline {
namespace {

thread_local char const* traffic_kind = "other";

}  // namespace

TrafficKind::TrafficKind(char const* kind) : before_(traffic_kind) {
  traffic_kind = kind;
}

TrafficKind::~TrafficKind() {
  traffic_kind = before_;
}

char const* TrafficKind::current() {
  return traffic_kind;
}

int64_t ProcessGroupCounters::bytes() const {
  return std::accumulate(
      operations.begin(), operations.end(), int64_t{0}, [](int64_t sum, auto const& entry) {
        return sum + entry.second.bytes;
      });
}

c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(Communicator const& ranks,
                                                          ProcessGroupOptions options) {
  using Group = c10d::ProcessGroup;
  auto group = c10::make_intrusive<Group>(ranks.rank(), ranks.size());
  GpuBackendMaker make_gpu_backend;
  if (!ranks.is_rehearsal()) {
    // Messages of its own: it is asked for while the thread of the group works.
    make_gpu_backend = [own = std::make_shared<Communicator>(ranks.duplicate())](at::Device gpu) {
      return eddyline::make_gpu_backend(*own, gpu);
    };
  }
  c10::intrusive_ptr<c10d::Backend> const backend = c10::make_intrusive<MpiBackend>(
      MpiCollectives(ranks.duplicate(), options.piece_bytes), std::move(make_gpu_backend));
  group->setBackend(at::kCPU, Group::BackendType::MPI, backend);
  group->setBackend(at::kCUDA, Group::BackendType::MPI, backend);
  group->setDefaultBackend(Group::BackendType::MPI);
  return group;
}

ProcessGroupCounters counters_of(c10d::ProcessGroup const& group) {
  auto const backend = group.getDefaultBackend();
  auto const* mpi = dynamic_cast<MpiBackend const*>(backend.get());
  EDDYLINE_ENSURE(mpi != nullptr, "the process group was not made by make_process_group");
  return mpi->counters();
}

}  // namespace eddyline
