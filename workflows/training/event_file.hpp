#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace eddyline {

/// Scalars of a run for TensorBoard: events.out.tfevents.<seconds>.<host>.<process>, a file of
/// TFRecords that hold the protocol buffers tensorflow.Event. Only rank 0 makes one.
class EventFile {
 public:
  /// Begins a file of its own in `folder`. A resumed run makes the steps after `last_step` again;
  /// its file tells readers to forget what earlier ones say of them.
  /// \throw Failure  if it cannot be written
  EventFile(std::filesystem::path const& folder, int64_t last_step);

  /// Adds the values of a step, by tag.
  void add(int64_t step, std::map<std::string, double> const& values);

 private:
  void append(std::string const& event);

  std::filesystem::path path_;
};

/// The bytes of an Event with a Summary of scalars (float32).
/// \param wall_time  seconds since 1970
std::string scalar_event(double wall_time,
                         int64_t step,
                         std::map<std::string, double> const& values);
/// The TFRecord around some bytes: length (uint64), its masked CRC-32C, the bytes, their masked
/// CRC-32C; little-endian.
std::string record_of(std::string const& bytes);

}  // namespace eddyline
