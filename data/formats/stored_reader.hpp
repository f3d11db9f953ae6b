#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "data/formats/reader.hpp"
#include "data/formats/stored_array.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {

/// Where one trajectory is.
struct StoredSource {
  size_t file = 0;    ///< index into DatasetSpec::files
  std::string group;  ///< "" for the root, "0003"
  int64_t sample = 0;
  int64_t samples = 1;  ///< that the file's sample axes must have
};

/// All that is needed to read a data set out of HDF5 files: made by a format, read by StoredReader.
struct StoredPlan {
  DatasetSpec spec;
  /// For each field of spec.fields the arrays that hold its components, in order.
  std::vector<std::vector<StoredArray>> fields;
  std::vector<std::vector<StoredArray>> constants;
  std::vector<StoredSource> sources;  ///< one a trajectory
  /// Per trajectory and scalar of spec.scalars: one value, or one a frame.
  std::vector<std::vector<std::vector<double>>> scalars;
};

/// Reads what a plan says: only the box and frames that are asked for.
class StoredReader final : public Reader {
 public:
  /// \param fields  those to read, in this order; empty: all
  /// \throw Error   if a data set's shape is not what the plan says, or a field is not known
  StoredReader(StoredPlan plan, std::vector<std::string> const& fields);

  DatasetSpec const& spec() const override { return plan_.spec; }
  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override;
  at::Tensor read_constants(int64_t trajectory, Box const& box) override;
  at::Tensor read_scalars(FrameRange const& frames) override;
  /// Bytes of the elements asked for, as the file stores them before compression.
  int64_t bytes_read() const override { return bytes_; }

 private:
  struct OpenFile {
    size_t index;
    Hdf5File file;
  };
  Hdf5File const& file(size_t index);
  Hdf5DataSet open(StoredArray const& array, int64_t trajectory);
  StoredExtent extent(int64_t trajectory) const;
  void check_frames(FrameRange const& frames) const;
  void check_box(Box const& box) const;

  StoredPlan plan_;
  std::vector<StoredArray> fields_;
  std::vector<StoredArray> constants_;
  std::deque<OpenFile> open_;  ///< most recently used first
  int64_t bytes_ = 0;
};

}  // namespace eddyline
