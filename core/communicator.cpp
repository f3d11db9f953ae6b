#include "core/communicator.hpp"

#include <cstdlib>
#include <utility>

#include "core/error.hpp"
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

template <class Kind>
[[noreturn]] void throw_on_all(std::string const& text) {
  Kind error(text);
  error.set_spread(Spread::all_ranks);
  throw error;
}

[[noreturn]] void rethrow_as(ExitCode code, std::string const& text) {
  switch (code) {
    case ExitCode::user:
      throw_on_all<Error>(text);
    case ExitCode::diverged:
      throw_on_all<Diverged>(text);
    case ExitCode::bug:
      throw_on_all<Bug>(text);
    default:
      throw_on_all<Failure>(text);
  }
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

}  // namespace

MpiSession::MpiSession(int& argc, char**& argv) {
  spare_the_daemon();
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

Communicator Communicator::split(int color) const {
  MPI_Comm part = MPI_COMM_NULL;
  MPI_Comm_split(handle_, color, rank_, &part);
  return Communicator(part);
}

Communicator Communicator::duplicate() const {
  MPI_Comm copy = MPI_COMM_NULL;
  MPI_Comm_dup(handle_, &copy);
  return Communicator(copy);
}

Communicator::Communicator(Communicator&& other) noexcept
    : handle_(std::exchange(other.handle_, MPI_COMM_NULL)),
      rank_(other.rank_),
      size_(other.size_) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(rank_, other.rank_);
  std::swap(size_, other.size_);
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
                static_cast<int>(values.size()),
                MPI_DOUBLE,
                mpi_operation(reduction),
                handle_);
}

void Communicator::all_reduce(std::span<int64_t> values, Reduction reduction) const {
  MPI_Allreduce(MPI_IN_PLACE,
                values.data(),
                static_cast<int>(values.size()),
                MPI_INT64_T,
                mpi_operation(reduction),
                handle_);
}

std::string Communicator::broadcast(std::string text, int root) const {
  auto length = static_cast<int64_t>(text.size());
  MPI_Bcast(&length, 1, MPI_INT64_T, root, handle_);
  text.resize(static_cast<size_t>(length));
  MPI_Bcast(text.data(), static_cast<int>(length), MPI_CHAR, root, handle_);
  return text;
}

std::vector<int64_t> Communicator::all_gather(int64_t value) const {
  std::vector<int64_t> values(static_cast<size_t>(size_));
  MPI_Allgather(&value, 1, MPI_INT64_T, values.data(), 1, MPI_INT64_T, handle_);
  return values;
}

std::vector<std::string> Communicator::all_gather(std::string const& text) const {
  auto const lengths = all_gather(static_cast<int64_t>(text.size()));
  std::vector<int> counts(lengths.begin(), lengths.end());
  std::vector<int> offsets(counts.size(), 0);
  for (size_t i = 1; i < counts.size(); ++i) {
    offsets[i] = offsets[i - 1] + counts[i - 1];
  }
  std::string all(static_cast<size_t>(offsets.back() + counts.back()), '\0');
  MPI_Allgatherv(text.data(),
                 static_cast<int>(text.size()),
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

void Communicator::together(std::function<void()> const& action) const {
  std::string text;
  auto code = ExitCode::done;
  try {
    action();
  } catch (Exception const& error) {
    text = error.what();
    code = error.code();
  } catch (std::exception const& error) {
    text = error.what();
    code = ExitCode::bug;
  }
  auto const first =
      all_reduce(static_cast<int64_t>(code == ExitCode::done ? size_ : rank_), Reduction::min);
  if (first == size_) {
    return;
  }
  auto const root = static_cast<int>(first);
  auto const message = broadcast(text, root);
  auto const shared_code =
      static_cast<ExitCode>(std::stoi(broadcast(std::to_string(static_cast<int>(code)), root)));
  rethrow_as(shared_code, size_ > 1 ? concat(message, "\n  on rank ", root) : message);
}

}  // namespace eddyline
