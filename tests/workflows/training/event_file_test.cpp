#include "workflows/training/event_file.hpp"

#include <cstring>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "core/checksum.hpp"
#include "core/error.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

std::string from_hex(std::string const& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

/// The events of the only file of `folder`; lengths and sums are verified.
std::vector<std::string> read_events(std::filesystem::path const& folder) {
  std::filesystem::path path;
  for (auto const& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_TRUE(entry.path().filename().string().starts_with("events.out.tfevents."));
    path = entry.path();
  }
  std::ifstream in(path, std::ios::binary);
  std::string const bytes((std::istreambuf_iterator<char>(in)), {});
  std::vector<std::string> events;
  for (size_t at = 0; at < bytes.size();) {
    uint64_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    events.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(bytes.substr(at, length + 16), record_of(events.back()));
    at += length + 16;
  }
  return events;
}

TEST(EventFile, WritesTheRecordsThatTensorBoardReads) {
  // Computed with Python's struct from the definitions of TFRecord and tensorflow.Event: wall time
  // 2.0, step 300, value {tag "loss", simple_value 0.5}.
  EXPECT_EQ(record_of(scalar_event(2.0, 300, {{"loss", 0.5}})),
            from_hex("1b000000000000001a0d9e1309000000000000004010ac022a0d0a0b0a046c6f73731500"
                     "00003fdfc52b60"));
}

TEST(EventFile, HoldsItsVersionAndEveryStep) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  EventFile file(folder.path(), /*last_step=*/0);
  file.add(2, {{"loss", 0.25}, {"learning_rate", 1e-3}});
  file.add(4, {{"loss", 0.125}});
  auto const events = read_events(folder.path());
  ASSERT_EQ(events.size(), 3U);
  EXPECT_NE(events[0].find("brain.Event:2"), std::string::npos);
  // After 9 bytes of time: step and values, the tags in their order.
  EXPECT_EQ(events[1].substr(9),
            scalar_event(0, 2, {{"learning_rate", 1e-3}, {"loss", 0.25}}).substr(9));
  EXPECT_EQ(events[2].substr(9), scalar_event(0, 4, {{"loss", 0.125}}).substr(9));
}

TEST(EventFile, TellsReadersToForgetWhatAResumedRunMakesAgain) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  EventFile const file(folder.path(), /*last_step=*/7);
  auto const events = read_events(folder.path());
  ASSERT_EQ(events.size(), 2U);
  // step (field 2) is 8; session_log (field 7) holds status START (field 1 is 1).
  EXPECT_EQ(events[1].substr(9), from_hex("10083a020801"));
}

TEST(EventFile, IsTakenByTensorBoardsOwnReaderAlsoWhereARunWasResumed) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  EventFile before(folder.path(), /*last_step=*/0);
  before.add(2, {{"loss", 0.25}, {"learning_rate", 1e-3}});
  before.add(4, {{"loss", 0.125}});
  // Files of one second and process have one name; that of the resumed run sorts after it.
  auto const first = *std::filesystem::directory_iterator(folder.path());
  std::filesystem::rename(first.path(), folder.path() / "events.out.tfevents.1.host.1");
  EventFile(folder.path(), /*last_step=*/2).add(4, {{"loss", 0.0625}});
  std::string const script =
      "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator as A; "
      "import sys; read = A(sys.argv[1]); read.Reload(); "
      "print(*((t, s.step, '%.6g' % s.value) for t in ('learning_rate', 'loss') "
      "for s in read.Scalars(t)))";
  auto const told = python("-c \"" + script + "\" " + folder.path().string());
  // Before it the reader says which step it forgets.
  EXPECT_TRUE(
      told.ends_with("('learning_rate', 2, '0.001') ('loss', 2, '0.25') ('loss', 4, '0.0625')\n"))
      << told;
}

TEST(EventFile, SaysWhereItCouldNotBeWritten) {
  try {
    EventFile const file("/nowhere", 0);
    FAIL() << "not refused";
  } catch (Failure const& error) {
    EXPECT_NE(std::string(error.what()).find("/nowhere/events"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace eddyline
