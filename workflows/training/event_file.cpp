#include "workflows/training/event_file.hpp"

#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>

#include "core/checksum.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

// Numbers of fields in tensorflow/core/util/event.proto and framework/summary.proto.
constexpr uint64_t kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
constexpr uint64_t kSummaryValue = 1, kTag = 1, kSimpleValue = 2;
constexpr uint64_t kStatus = 1, kStart = 1;

// How a field of a protocol buffer is stored.
constexpr uint64_t kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

template <class Number>
std::string little_endian(Number value) {
  return {reinterpret_cast<char const*>(&value), sizeof value};
}

std::string varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) {
    bytes += static_cast<char>(value | 0x80);
  }
  return bytes + static_cast<char>(value);
}

std::string key(uint64_t field, uint64_t type) {
  return varint(field << 3 | type);
}

std::string bytes_field(uint64_t field, std::string const& bytes) {
  return key(field, kBytes) + varint(bytes.size()) + bytes;
}

std::string event_head(double wall_time) {
  return key(kWallTime, kFixed64) + little_endian(wall_time);
}

std::string step_field(int64_t step) {
  return key(kStep, kVarint) + varint(static_cast<uint64_t>(step));
}

uint32_t masked_crc(std::string const& bytes) {
  auto const sum = crc32c(bytes);
  return ((sum >> 15) | (sum << 17)) + 0xa282ead8U;
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string file_name() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return concat(
      "events.out.tfevents.", static_cast<int64_t>(now()), ".", host.data(), ".", getpid());
}

}  // namespace

std::string record_of(std::string const& bytes) {
  auto const length = little_endian(static_cast<uint64_t>(bytes.size()));
  return length + little_endian(masked_crc(length)) + bytes + little_endian(masked_crc(bytes));
}

std::string scalar_event(double wall_time,
                         int64_t step,
                         std::map<std::string, double> const& values) {
  std::string summary;
  for (auto const& [tag, value] : values) {
    summary += bytes_field(kSummaryValue,
                           bytes_field(kTag, tag) + key(kSimpleValue, kFixed32) +
                               little_endian(static_cast<float>(value)));
  }
  return event_head(wall_time) + step_field(step) + bytes_field(kSummary, summary);
}

EventFile::EventFile(std::filesystem::path const& folder, int64_t last_step)
    : path_(folder / file_name()) {
  append(event_head(now()) + bytes_field(kFileVersion, "brain.Event:2"));
  if (last_step > 0) {
    append(event_head(now()) + step_field(last_step + 1) +
           bytes_field(kSessionLog, key(kStatus, kVarint) + varint(kStart)));
  }
}

void EventFile::add(int64_t step, std::map<std::string, double> const& values) {
  append(scalar_event(now(), step, values));
}

void EventFile::append(std::string const& event) {
  std::ofstream out(path_, std::ios::app | std::ios::binary);
  out << record_of(event);
  out.flush();
  expect_machine(out.good(), "could not add to '", path_.string(), "'");
}

}  // namespace eddyline
