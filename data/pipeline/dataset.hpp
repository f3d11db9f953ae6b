#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"
#include "data/batch.hpp"
#include "data/field/trajectory.hpp"
#include "data/formats/reader.hpp"
#include "data/pipeline/data_config.hpp"
#include "data/pipeline/fit.hpp"
#include "data/pipeline/known_fields.hpp"
#include "data/pipeline/splits.hpp"
#include "data/pipeline/state_part.hpp"
#include "data/pipeline/window.hpp"

namespace eddyline {

/// Whether `data` has that part: by its named frames or its fractions, or by what the data set
/// itself offers. \throw Error  if the path cannot be opened
bool has_split(DataConfig const& config, Split split);

/// One part (train, valid, test, all) of a data set as a surrogate sees it: reader, chosen fields,
/// fitted grid, missing values, windows. Trajectories and frames are numbered within the part.
///
/// Values are physical and, with data.missing mean or mask, NaN where they are missing. Any thread
/// may call it; calls of the reader never overlap with each other nor with other uses of HDF5.
class Dataset {
 public:
  /// Opens the data on every rank of `ranks`. Collective: an error on one is thrown on all.
  /// \param patch  after data.fit, cells on D, H, W are 1 or multiples of these; {1,1,1} fits all
  ///
  /// \throw Error  if the path, a field, the split or the grid does not do, naming the key to
  /// change
  Dataset(DataConfig const& config,
          Split split,
          WindowShape shape,
          std::array<int64_t, 3> patch,
          Communicator const& ranks);
  /// The same on the ranks of a mesh. Where it splits samples, this rank reads its block of every
  /// frame, and patches stay whole.
  Dataset(DataConfig const& config,
          Split split,
          WindowShape shape,
          std::array<int64_t, 3> patch,
          std::shared_ptr<Mesh const> const& mesh);
  /// The same over a reader that is open already.
  Dataset(std::unique_ptr<Reader> reader,
          DataConfig const& config,
          Split split,
          WindowShape shape,
          std::array<int64_t, 3> patch);

  std::string const& name() const;
  Split split() const { return split_; }
  DataConfig const& config() const { return config_; }
  /// Resolved; with data.strides the first of them.
  WindowShape const& window_shape() const { return shapes_.front(); }
  /// One for each of data.strides, or one.
  std::vector<WindowShape> const& window_shapes() const { return shapes_; }
  DatasetSpec const& source() const { return reader_->spec(); }
  Fit const& fit() const { return fit_; }
  /// The cells of the fitted grid that this rank holds.
  Block const& block() const { return state_spec_->block; }
  /// How samples are divided among ranks; null: each rank has whole ones.
  std::shared_ptr<Sharding const> const& sharding() const { return sharding_; }
  /// Those of the ranks that share a sample, for exchanges while batches are made: apart from the
  /// network's, since they happen on another thread. Null if samples are whole.
  Mesh::Group const& loading_group() const { return loading_group_; }
  /// Of `ranks`, those that hold this block of other samples: all of them if samples are whole.
  Communicator const& sharing_out(Communicator const& ranks) const {
    return sharding_ ? sharding_->mesh().data() : ranks;
  }
  /// Values (…, D, H, W) of this rank's cells without those that data.fit added: a view.
  at::Tensor file_cells(at::Tensor const& values) const { return fit_.undo(values); }
  /// Samples: input fields are the state's and then the known ones; grids are fitted.
  std::shared_ptr<BatchSpec const> const& batch_spec() const { return batch_spec_; }
  /// States: the state's fields on the fitted grid.
  std::shared_ptr<StateSpec const> const& state_spec() const { return state_spec_; }
  /// What of a state is input, and what is predicted.
  StatePart const& inputs() const { return inputs_; }
  StatePart const& outputs() const { return outputs_; }
  /// Has targets cover a part of the grid only, as a network of a region predicts it. Call it
  /// before anything is made from the specs. Where samples are split, the part is divided over the
  /// same ranks. \throw Error  if the part is of another grid, or the fit adds cells, or it cannot
  /// be divided so, naming what works
  void predict_part(GridPart const& part);
  /// What is compared with a forecast: output fields of a state (…, C, D, H, W) on the cells of the
  /// file that are predicted, a view where it can be. Collective over the ranks of a sample.
  at::Tensor compared(at::Tensor const& state) const { return outputs_.of(file_cells(state)); }
  /// The same cells of a forecast that holds the output fields alone.
  at::Tensor compared_forecast(at::Tensor const& frame) const {
    return outputs_.cells ? frame : file_cells(frame);
  }
  /// How those cells lie on the ranks that share a sample; null: this rank has them all.
  std::shared_ptr<Sharding const> const& compared_sharding() const {
    return outputs_.cells ? outputs_.cells->sharding() : fit_.source_sharding();
  }
  /// Grid of those cells.
  Grid compared_grid() const {
    return outputs_.cells ? batch_spec_->output_grid : fit_.source_grid();
  }
  /// Input channels known for all times: time features, coordinates, chosen constants.
  KnownFields const& known_fields() const { return known_; }

  int64_t trajectories() const { return static_cast<int64_t>(parts_.size()); }
  int64_t frames(int64_t trajectory) const { return part(trajectory).frames(); }
  std::vector<double> times(int64_t trajectory) const;
  /// Times of those frames alone.
  std::vector<double> times(FrameRange const& frames) const;
  /// "file.hdf5, sample 3": for messages and tables.
  std::string const& describe(int64_t trajectory) const;

  /// Samples of this part, those of each stride after another; 0 if the series are too short.
  int64_t windows() const { return first_window_.back(); }
  WindowAddress window(int64_t index) const;

  /// State fields at those frames, (count, C, D, H, W) on the fitted grid.
  /// \throw Error  with data.missing refuse, naming field, file, frame and count of missing values
  Trajectory read(FrameRange const& frames);
  /// The same into `out` (count, C, D, H, W) float32 on the host, contiguous, of a sample that is
  /// mirrored along those axes: a rank reads the mirror image of its block.
  void read_into(FrameRange const& frames, at::Tensor const& out, Flips const& flips = {});
  /// Known input channels (times.size(), Ck, D, H, W); undefined if there are none. Times may lie
  /// beyond the data. Of a mirrored sample constants are mirrored; coordinates stay where they are.
  at::Tensor known_at(int64_t trajectory,
                      std::vector<double> const& times,
                      Flips const& flips = {});
  /// All constant fields (Cc, D, H, W) of a trajectory; undefined if there are none.
  at::Tensor constants(int64_t trajectory, Flips const& flips = {});
  /// Scalars (count, S) in the order of batch_spec()->scalars; undefined if there are none.
  at::Tensor scalars(FrameRange const& frames);

  /// True if batches carry a mask: data.missing is mask, or the fit adds cells.
  bool has_mask() const { return config_.missing == Missing::mask || fit_.adds_cells(); }
  /// 1 where a cell counts: (…, C, D, H, W) float, of values of the same shape that are NaN where
  /// missing. With data.missing mean only added cells do not count.
  at::Tensor mask_of(at::Tensor const& values) const;

  /// Bytes of field data asked of the file system so far by this rank.
  int64_t bytes_read() const;

 private:
  /// How a network takes samples.
  struct Cut {
    std::array<int64_t, 3> patch;
    std::shared_ptr<Mesh const> mesh = nullptr;  ///< null: whole samples
  };
  Dataset(Cut const& cut,
          std::unique_ptr<Reader> reader,
          DataConfig const& config,
          Split split,
          WindowShape shape);
  SplitPart const& part(int64_t trajectory) const;
  FrameRange in_file(FrameRange const& frames) const;
  void divide(Cut const& cut);
  void choose_fields();
  void make_specs();
  void count_windows();
  void read_any(FrameRange const& frames, at::Tensor const& out, Flips const& flips);
  void refuse_missing(FrameRange const& frames, at::Tensor const& values) const;
  at::Tensor constants_of_series(int64_t series, Flips const& flips);
  at::Tensor read_constants(int64_t series, CellNumbers const& cells);
  at::Tensor constant_means(int64_t series);

  std::unique_ptr<Reader> reader_;
  DataConfig config_;
  Split split_;
  std::vector<WindowShape> shapes_;
  Fit fit_;
  std::array<int64_t, 3> patch_;  ///< 1 on axes of length 1
  std::shared_ptr<Sharding const> sharding_;
  Mesh::Group loading_group_;
  std::vector<SplitPart> parts_;
  std::vector<int64_t>
      first_window_;  ///< number of the first of each shape and trajectory, and one past the last
  std::vector<int64_t> first_frame_;  ///< of the first window of each shape and trajectory
  FieldSet fields_;
  std::vector<int64_t> channels_;  ///< of the reader, in our order; empty: all as they are
  StatePart inputs_, outputs_;
  KnownFields known_;
  std::shared_ptr<BatchSpec const> batch_spec_;
  std::shared_ptr<StateSpec const> state_spec_;
  std::vector<std::string> parameters_;  ///< of the series that are no scalars of the reader
  /// By series and axes that are mirrored, as far as they were asked for.
  std::map<std::pair<int64_t, Flips>, at::Tensor> constants_;
  std::unique_ptr<std::mutex> reading_ = std::make_unique<std::mutex>();
};

}  // namespace eddyline
