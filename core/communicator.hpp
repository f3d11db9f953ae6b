#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <mpi.h>

namespace eddyline {

struct Ending;

/// How values of several ranks become one.
enum class Reduction { sum, max, min, product };

/// Starts and ends MPI (thread level multiple). One object in main; all else comes after it.
class MpiSession {
 public:
  /// \throw Error  if the launcher started another number of tasks than MPI sees (core/launch.hpp)
  MpiSession(int& argc, char**& argv);
  ~MpiSession();
  MpiSession(MpiSession const&) = delete;
  MpiSession& operator=(MpiSession const&) = delete;
};

/// A group of ranks that talk to each other: a value that owns its MPI communicator
/// (a duplicate, so that its messages never meet another's).
class Communicator {
 public:
  static Communicator world();
  static Communicator self();
  /// This process alone in the place of one of `size` ranks, to find out what a rank would need:
  /// collective calls give back what it gave, and process groups count what they would send and
  /// send nothing. It has no split().
  static Communicator rehearsal(int rank, int size);
  /// Ranks of equal `color` form a group, ordered by their rank here. Collective.
  Communicator split(int color) const;
  Communicator duplicate() const;
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  ~Communicator();

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_root() const { return rank_ == 0; }
  bool is_rehearsal() const { return is_rehearsal_; }
  MPI_Comm handle() const { return handle_; }

  void barrier() const;
  double all_reduce(double value, Reduction reduction = Reduction::sum) const;
  int64_t all_reduce(int64_t value, Reduction reduction = Reduction::sum) const;
  /// Element-wise over the ranks, in place.
  void all_reduce(std::span<double> values, Reduction reduction = Reduction::sum) const;
  void all_reduce(std::span<int64_t> values, Reduction reduction = Reduction::sum) const;
  /// The text of rank `root` on every rank.
  std::string broadcast(std::string text, int root = 0) const;
  /// The texts of all ranks, in rank order, on every rank.
  std::vector<std::string> all_gather(std::string const& text) const;
  std::vector<int64_t> all_gather(int64_t value) const;

  /// True once all ranks called it; false if some did not within `patience`: they are lost, and no
  /// other call of this group may follow.
  bool all_arrive(std::chrono::milliseconds patience) const;

  /// Runs `action` on every rank; if it threw on any, the error of the lowest such rank is thrown
  /// on all (with "on rank 3" unless all threw the same), so that no rank goes on alone into a
  /// collective call. Whatever is thrown becomes one of ours by ending_of(). Collective.
  void together(std::function<void()> const& action) const;
  /// The same for an action with collective calls of its own, or of a library: the others may hang
  /// in one when it fails on one rank. That rank waits for them as long as `patience`, then throws
  /// alone (Spread::one_rank), and the program ends all.
  void collectively(std::function<void()> const& action,
                    std::chrono::milliseconds patience = std::chrono::seconds(5)) const;

 private:
  /// Throws on all ranks what ended the lowest rank that is not done.
  void share(Ending const& own) const;
  explicit Communicator(MPI_Comm handle);
  MPI_Comm handle_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
  bool is_rehearsal_ = false;
};

}  // namespace eddyline
