#include "core/communicator.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

#include "core/ending.hpp"
#include "core/launch.hpp"

namespace eddyline {
namespace {

MPI_Op mpi_operation(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum:
      return MPI_SUM;
    case Reduction::max:
      return MPI_MAX;
    case Reduction::min:
      return MPI_MIN;
    case Reduction::product:
      return MPI_PROD;
  }
  return MPI_OP_NULL;
}

/// How an action ended; `done` if it threw nothing.
Ending ending_after(std::function<void()> const& action) {
  try {
    action();
  } catch (...) {
    return ending_of(std::current_exception());
  }
  return {ExitCode::done, ""};
}

/// MPI counts with int. \throw Bug  if there are more
int count_of(size_t elements) {
  EDDYLINE_ENSURE(elements <= static_cast<size_t>(std::numeric_limits<int>::max()),
                  elements,
                  " elements in one message of a Communicator; a process group takes any number");
  return static_cast<int>(elements);
}

}  // namespace

namespace {

/// A process that no launcher started needs no daemon beside it: OpenMPI would start one through a
/// remote shell that a container may lack, and then end the process.
void spare_the_daemon() {
  bool const was_launched =
      std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr || std::getenv("PMIX_RANK") != nullptr;
  if (!was_launched) {
    ::setenv("OMPI_MCA_ess_singleton_isolated", "1", /*replace=*/0);
  }
}

/// Whether the machine has a network besides Ethernet: InfiniBand and its like, Omni-Path,
/// TrueScale or Slingshot.
bool has_fabric() {
  namespace fs = std::filesystem;
  std::error_code none;
  auto const is_fabric = [](fs::directory_entry const& device) {
    auto const name = device.path().filename().string();
    return name.starts_with("hfi1") || name.starts_with("ipath") || name.starts_with("cxi");
  };
  fs::directory_iterator const devices("/dev", none);
  return std::any_of(begin(devices), end(devices), is_fabric) ||
         fs::exists("/sys/class/infiniband", none) || fs::exists("/sys/class/cxi", none);
}

/// To find out that their network is not there, OpenMPI loads drivers which watch the clock for a
/// fifth of a second as they are loaded: a third of what the program takes to start.
void spare_drivers_of_absent_networks() {
  if (!has_fabric()) {
    ::setenv("OMPI_MCA_mtl", "^psm,psm2,ofi", /*replace=*/0);
  }
}

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  spare_the_daemon();
  spare_drivers_of_absent_networks();
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  require(provided == MPI_THREAD_MULTIPLE,
          "this MPI gives thread level ",
          provided,
          ", not MPI_THREAD_MULTIPLE; use an MPI built with threads");
  int size = 0;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  check_launch(size);
}

MpiSession::~MpiSession() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (!finalized) {
    MPI_Finalize();
  }
}

Communicator::Communicator(MPI_Comm handle) : handle_(handle) {
  MPI_Comm_rank(handle_, &rank_);
  MPI_Comm_size(handle_, &size_);
}

Communicator Communicator::world() {
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_WORLD, &copy);
  return Communicator(copy);
}

Communicator Communicator::self() {
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_dup(MPI_COMM_SELF, &copy);
  return Communicator(copy);
}

Communicator Communicator::rehearsal(int rank, int size) {
  EDDYLINE_ENSURE(rank >= 0 && rank < size, "rank ", rank, " of ", size);
  auto made = self();
  made.rank_ = rank;
  made.size_ = size;
  made.is_rehearsal_ = true;
  return made;
}

Communicator Communicator::split(int color) const {
  EDDYLINE_ENSURE(!is_rehearsal_, "a rehearsal does not know the colors of other ranks");
  MPI_Comm part = MPI_COMM_NULL;
  MPI_Comm_split(handle_, color, rank_, &part);
  return Communicator(part);
}

Communicator Communicator::duplicate() const {
  if (is_rehearsal_) {
    return rehearsal(rank_, size_);
  }
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_dup(handle_, &copy);
  return Communicator(copy);
}

Communicator::Communicator(Communicator&& other) noexcept
    : handle_(std::exchange(other.handle_, MPI_COMM_NULL)),
      rank_(other.rank_),
      size_(other.size_),
      is_rehearsal_(other.is_rehearsal_) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(rank_, other.rank_);
  std::swap(size_, other.size_);
  std::swap(is_rehearsal_, other.is_rehearsal_);
  return *this;
}

Communicator::~Communicator() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (handle_ != MPI_COMM_NULL && !finalized) {
    MPI_Comm_free(&handle_);
  }
}

void Communicator::barrier() const {
  MPI_Barrier(handle_);
}

double Communicator::all_reduce(double value, Reduction reduction) const {
  all_reduce(std::span(&value, 1), reduction);
  return value;
}

int64_t Communicator::all_reduce(int64_t value, Reduction reduction) const {
  all_reduce(std::span(&value, 1), reduction);
  return value;
}

void Communicator::all_reduce(std::span<double> values, Reduction reduction) const {
  MPI_Allreduce(MPI_IN_PLACE,
                values.data(),
                count_of(values.size()),
                MPI_DOUBLE,
                mpi_operation(reduction),
                handle_);
}

void Communicator::all_reduce(std::span<int64_t> values, Reduction reduction) const {
  MPI_Allreduce(MPI_IN_PLACE,
                values.data(),
                count_of(values.size()),
                MPI_INT64_T,
                mpi_operation(reduction),
                handle_);
}

std::string Communicator::broadcast(std::string text, int root) const {
  auto length = static_cast<int64_t>(text.size());
  MPI_Bcast(&length, 1, MPI_INT64_T, root, handle_);
  auto const count = count_of(static_cast<size_t>(length));
  text.resize(static_cast<size_t>(length));
  MPI_Bcast(text.data(), count, MPI_CHAR, root, handle_);
  return text;
}

std::vector<int64_t> Communicator::all_gather(int64_t value) const {
  std::vector<int64_t> values(static_cast<size_t>(size_), value);
  MPI_Allgather(&value, 1, MPI_INT64_T, values.data(), 1, MPI_INT64_T, handle_);
  return values;
}

std::vector<std::string> Communicator::all_gather(std::string const& text) const {
  auto const lengths = all_gather(static_cast<int64_t>(text.size()));
  size_t total = 0;
  std::vector<int> counts;
  std::vector<int> offsets;
  for (auto const length : lengths) {
    offsets.push_back(count_of(total));
    counts.push_back(count_of(static_cast<size_t>(length)));
    total += static_cast<size_t>(length);
  }
  std::string all(total, '\0');
  MPI_Allgatherv(text.data(),
                 count_of(text.size()),
                 MPI_CHAR,
                 all.data(),
                 counts.data(),
                 offsets.data(),
                 MPI_CHAR,
                 handle_);
  std::vector<std::string> texts;
  for (size_t i = 0; i < counts.size(); ++i) {
    texts.push_back(all.substr(static_cast<size_t>(offsets[i]), static_cast<size_t>(counts[i])));
  }
  return texts;
}

bool Communicator::all_arrive(std::chrono::milliseconds patience) const {
  auto const deadline = std::chrono::steady_clock::now() + patience;
  MPI_Request request = MPI_REQUEST_NULL;
  MPI_Ibarrier(handle_, &request);
  int done = 0;
  MPI_Test(&request, &done, MPI_STATUS_IGNORE);
  while (done == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
  }
  return done != 0;
}

void Communicator::together(std::function<void()> const& action) const {
  share(ending_after(action));
}

void Communicator::collectively(std::function<void()> const& action,
                                std::chrono::milliseconds patience) const {
  auto const own = ending_after(action);
  if (own.code == ExitCode::done) {
    MPI_Request request = MPI_REQUEST_NULL;  // the same kind of barrier as in all_arrive
    MPI_Ibarrier(handle_, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  } else if (!all_arrive(patience)) {
    throw_again(own);
  }
  share(own);
}

void Communicator::share(Ending const& own) const {
  auto const first =
      all_reduce(static_cast<int64_t>(own.code == ExitCode::done ? size_ : rank_), Reduction::min);
  if (first == size_) {
    return;
  }
  auto const root = static_cast<int>(first);
  Ending shared{.code = own.code, .text = broadcast(own.text, root), .spread = Spread::all_ranks};
  bool const is_same = own.code != ExitCode::done && own.text == shared.text;
  bool const is_everywhere = all_reduce(static_cast<int64_t>(is_same), Reduction::min) > 0;
  bool const is_named = rank_ == root && own.spread == Spread::all_ranks;
  if (all_reduce(static_cast<int64_t>(is_named), Reduction::max) == 0 && !is_everywhere) {
    shared.text += concat("\n  on rank ", root);
  }
  auto const code = rank_ == root ? static_cast<int64_t>(own.code) : 0;
  shared.code = static_cast<ExitCode>(all_reduce(code, Reduction::max));
  throw_again(shared);
}

}  // namespace eddyline
