#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/mesh.hpp"
#include "data/batch.hpp"
#include "data/field/decomposition.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// How many ranks a run has, and how they share the samples.
struct Sharing {
  int ranks = 1;
  std::array<int, 3> domain = {1, 1, 1};  ///< parallel.domain

  int to_a_sample() const { return domain[0] * domain[1] * domain[2]; }
  int64_t data_ranks() const { return ranks / to_a_sample(); }
};

/// What a rank needs for a step.
struct RankNeeds {
  int64_t cells = 0;    ///< of its block, of the largest data set
  int64_t samples = 0;  ///< that it works on at once
  /// Most bytes of tensors at once: weights, gradients, moments, activations, batches made ahead,
  /// frames that wait for their file, messages of gradients. Scratch inside libraries is not in it.
  int64_t tensor_bytes = 0;
  int64_t tried_bytes = 0;   ///< of tensor_bytes, those that the steps held that were taken
  int64_t start_bytes = 0;   ///< most before the first step; in tensor_bytes, too
  int64_t cached_bytes = 0;  ///< frames that the run will keep (data.cache): on top
  /// Of both, bytes by what they are for: "weights", "gradients", …; the rest are activations.
  std::map<std::string, int64_t> parts;
  std::map<std::string, int64_t> sent;  ///< bytes that leave it in a step, by kind
  bool is_scaled = false;  ///< from steps on fewer cells: close, but not to the last byte

  int64_t bytes() const { return tensor_bytes + cached_bytes; }
};

/// Cells times samples of a step that are as many as one likes.
constexpr int64_t kAnyWork = std::numeric_limits<int64_t>::max();

/// A run that is taken apart before it begins: its data are opened, and steps of one rank are taken
/// with numbers that mean nothing, while nothing is sent. So memory and bytes are those of the step
/// itself, with all options of the run.
class Rehearsal {
 public:
  virtual ~Rehearsal() = default;
  /// True if the network works on parts of samples.
  virtual bool splits_samples() const = 0;
  /// \throw Error  if a grid cannot be split so, naming the splits that work
  virtual void check(Sharing const& sharing) const = 0;
  /// Cells of the busiest rank's block times its samples, of the largest data set.
  virtual int64_t cells_and_samples(Sharing const& sharing) const = 0;
  /// What the busiest rank needs: of the largest block, and of those one with most neighbours.
  /// \param most_work  cells times samples of the steps that are taken; with more to do the needs
  ///                   are those of two smaller steps, gone on with in proportion
  /// \return           none if the network does not take as few cells as that
  virtual std::optional<RankNeeds> needs(Sharing const& sharing,
                                         int64_t most_work = kAnyWork) const = 0;
  /// Bytes that a rank needs at most, without trying anything: many times what it will take.
  virtual double ample_bytes(Sharing const& sharing) const = 0;
  /// Bytes of the needs that this process holds already: the network that the run has made.
  virtual int64_t present_bytes() const = 0;
};

/// Bytes of a network's parameters and buffers.
int64_t weight_bytes(Surrogate const& network);

/// Of so many cells times samples, and a network that is trained or not: 65536 floats a cell (128
/// channels in 500 tensors), and 16 times the weights.
double ample_bytes_of(int64_t weights, int64_t work);

/// The rank with the largest block, of those one with most neighbours.
int busiest(Decomposition const& parts);

/// The same of a network's work: of the region that it predicts, if it does.
/// \throw Error  if the grid or the region cannot be divided so, naming what works
int busiest(BatchSpec const& spec, std::array<int64_t, 3> patch, std::array<int, 3> const& parts);

/// The patch on the axes that cells have.
std::array<int64_t, 3> patch_alignment(std::array<int64_t, 3> patch, std::array<int64_t, 3> cells);

/// Part of the work of a rank: as many samples, of a sample of those cells.
struct Portion {
  int64_t samples = 1;
  std::array<int64_t, 3> cells = {1, 1, 1};  ///< of the whole grid
};

/// At most `most_work` cells and samples of a block: fewer samples, then fewer cells along the
/// longest axes, of which each rank keeps whole patches, two where it had as many.
Portion fewer(Portion const& whole,
              std::array<int, 3> const& domain,
              std::array<int64_t, 3> const& align,
              int64_t most_work);

/// What batches are like on a rank of `mesh` where samples have only those cells: the file's own
/// grid is then of no account. \throw Error  if a network predicts a region, which has the cells it
/// has
std::shared_ptr<BatchSpec> spec_of_part(BatchSpec const& whole,
                                        std::array<int64_t, 3> const& cells,
                                        std::shared_ptr<Mesh const> const& mesh,
                                        std::array<int64_t, 3> const& align);

/// Of two portions of the work, what all of it needs; bytes grow in proportion to the work beyond
/// the smaller one.
RankNeeds scaled(RankNeeds const& smaller, RankNeeds const& larger, int64_t cells, int64_t samples);

/// What all of the work needs: by its own steps, or gone on with from two smaller ones.
/// \param work   cells of a block times `samples`
/// \param steps  takes steps on at most so many cells times samples
/// \return       none if the network does not take as few cells as `most_work`
std::optional<RankNeeds> tried_or_scaled(int64_t work,
                                         int64_t samples,
                                         int64_t most_work,
                                         std::function<RankNeeds(int64_t)> const& steps);

/// What was sent of each kind between two states of traffic_of_process().
std::map<std::string, int64_t> sent_between(std::map<std::string, int64_t> const& before,
                                            std::map<std::string, int64_t> const& after);
/// Bytes sent so far by this process, by kind.
std::map<std::string, int64_t> sent_by_process();

}  // namespace eddyline
