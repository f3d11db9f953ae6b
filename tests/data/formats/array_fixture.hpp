#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/formats/reader.hpp"
#include "data/hdf5/file.hpp"

namespace eddyline {

/// 0, 1, 2, … in that shape: the value says where it lies.
inline at::Tensor numbered(std::vector<int64_t> const& shape, at::ScalarType type = at::kFloat) {
  int64_t elements = 1;
  for (auto const size : shape) {
    elements *= size;
  }
  return at::arange(elements, at::kDouble).reshape(shape).to(type);
}

/// Adds a data set, with groups on its way.
inline void add_array(Hdf5Group const& parent, std::string const& name, at::Tensor const& values) {
  if (auto const slash = name.find('/'); slash != name.npos) {
    auto const head = name.substr(0, slash);
    auto const group = parent.has_group(head) ? parent.open_group(head) : parent.create_group(head);
    add_array(group, name.substr(slash + 1), values);
    return;
  }
  parent.create_data_set(name, {.shape = values.sizes().vec(), .type = values.scalar_type()})
      .write_all(values.contiguous());
}

/// An npy file of version 1 in bytes, as numpy lays it down.
inline std::string npy_bytes(std::string const& header, std::string const& data) {
  std::string text = header;
  text.resize((10 + header.size() + 1 + 63) / 64 * 64 - 11, ' ');
  text += '\n';
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(text.size() % 256) +
         static_cast<char>(text.size() / 256) + text + data;
}

/// float64 tensors as <f8, all others as <f4.
inline std::string npy_bytes(at::Tensor const& values) {
  bool const is_double = values.scalar_type() == at::kDouble;
  auto const plain = values.to(is_double ? at::kDouble : at::kFloat).contiguous();
  std::string shape;
  for (auto const size : plain.sizes()) {
    shape += std::to_string(size) + ", ";
  }
  return npy_bytes(
      concat("{'descr': '",
             is_double ? "<f8" : "<f4",
             "', 'fortran_order': False, 'shape': (",
             shape,
             "), }"),
      std::string(static_cast<char const*>(plain.data_ptr()), static_cast<size_t>(plain.nbytes())));
}

inline void write_npy(std::filesystem::path const& path,
                      std::string const& header,
                      std::string const& data) {
  std::ofstream(path, std::ios::binary) << npy_bytes(header, data);
}

inline void write_npy(std::filesystem::path const& path, at::Tensor const& values) {
  std::ofstream(path, std::ios::binary) << npy_bytes(values.to(at::kFloat));
}

inline at::Tensor read_frames(Reader& reader, FrameRange const& frames, Box const& box) {
  auto const out = at::empty(
      {frames.count, reader.spec().fields.channels(), box.size[0], box.size[1], box.size[2]});
  reader.read(frames, box, out);
  return out;
}

/// All frames and cells of a trajectory, (T, C, D, H, W).
inline at::Tensor read_trajectory(Reader& reader, int64_t trajectory) {
  auto const frames = reader.spec().trajectories[static_cast<size_t>(trajectory)].frames();
  return read_frames(
      reader, {.trajectory = trajectory, .count = frames}, {.size = reader.spec().grid.shape()});
}

}  // namespace eddyline
