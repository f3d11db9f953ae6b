#include "surrogates/checkpoints/pickle.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "core/random.hpp"
#include "surrogates/checkpoints/byte_writer.hpp"
#include "tests/damage.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// A literal that may hold zero bytes.
template <size_t N>
std::string raw(char const (&text)[N]) {
  return {text, N - 1};
}

std::string repeated(char operation, size_t count) {
  std::string bytes = raw("\x80\x02");
  bytes.append(count, operation);
  return bytes;
}

std::string message_of(std::string const& bytes) {
  try {
    PickleDocument::parse(bytes);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(PickleDocument, ReadsPlainValuesAndContainers) {
  // pickle.dumps({'a': [1, -2, 70000, 2.5, None, True], 'b': (1, 'x')}, protocol=2)
  auto const bytes =
      raw("\x80\x02}q\x00(X\x01\x00\x00\x00"
          "aq\x01]q\x02(K\x01J\xfe\xff\xff\xffJp\x11\x01\x00G@\x04\x00\x00\x00\x00\x00\x00N\x88"
          "eX\x01\x00\x00\x00"
          "bq\x03K\x01X\x01\x00\x00\x00xq\x04\x86q\x05u.");
  auto const document = PickleDocument::parse(bytes);
  auto const list = document[document.find(document.root(), "a")];
  ASSERT_EQ(list.children.size(), 6U);
  EXPECT_EQ(document[list.children[1]].integer, -2);
  EXPECT_EQ(document[list.children[2]].integer, 70000);
  EXPECT_EQ(document[list.children[3]].real, 2.5);
  EXPECT_EQ(document[list.children[5]].kind, PickleKind::boolean);
  auto const tuple = document[document.find(document.root(), "b")];
  EXPECT_EQ(document[tuple.children[1]].text, "x");
  EXPECT_EQ(document.find(document.root(), "c"), -1);
}

TEST(PickleDocument, RefusesAForbiddenGlobalByName) {
  // what os.system('true') pickles to
  EXPECT_THAT(message_of("\x80\x02"
                         "cposix\nsystem\nX\x04\x00\x00\x00trueq\x01\x85R."),
              HasSubstr("asks for 'posix.system'"));
  EXPECT_THAT(message_of(raw("\x80\x04\x8c\x08"
                             "builtins\x8c\x04"
                             "eval\x93.")),
              HasSubstr("asks for 'builtins.eval'"));
}

TEST(PickleDocument, RefusesOperationsThatMakeObjects) {
  EXPECT_THAT(message_of(std::string("\x80\x02)\x81.")), HasSubstr("uses operation 129"));
  EXPECT_THAT(message_of("\x80\x02]Nb."), HasSubstr("sets attributes of a list"));
}

TEST(PickleDocument, RefusesWhatIsTooShort) {
  EXPECT_THAT(message_of(""), HasSubstr("ends too early"));
  EXPECT_THAT(message_of("\x80\x02X\xff\xff\xff\xff"), HasSubstr("ends too early"));
  EXPECT_THAT(message_of("\x80\x02"
                         "0."),
              HasSubstr("takes more than it put"));
  EXPECT_THAT(message_of("\x80\x02h\x05."), HasSubstr("did not remember"));
}

TEST(PickleDocument, RefusesMadeUpLengthsBeforeItTakesMemory) {
  MemoryLimit const limit(uint64_t{64} << 20);
  for (auto const* operation : {"\x8d", "\x8e"}) {  // BINUNICODE8, BINBYTES8
    for (auto const length : {uint64_t{1} << 40, ~uint64_t{0}, uint64_t{2}}) {
      EXPECT_THAT(message_of("\x80\x04" + (operation + little_endian(length, 8)) + "a"),
                  HasSubstr("the pickle ends too early"))
          << length;
    }
  }
  EXPECT_THAT(message_of("\x80\x04T" + little_endian(0xFFFFFFF0, 4) + "a"),
              HasSubstr("the pickle ends too early"));
  auto integer = raw("\x80\x04\x8a\xff");
  integer.append(300, 'x');
  EXPECT_THAT(message_of(integer),
              HasSubstr("holds an integer of 255 bytes; at most 8 are expected"));
}

TEST(PickleDocument, DeepAndCyclicNestingNeitherRecursesNorGrows) {
  auto deep = repeated(']', 1'000'000);
  deep.append(999'999, 'a');
  EXPECT_EQ(PickleDocument::parse(deep.append(".")).root(), 0);
  EXPECT_THAT(message_of(repeated('(', 100'000)), HasSubstr("nested more than"));
  EXPECT_EQ(message_of(std::string("\x80\x02]q\x00h\x00"
                                   "a.",
                                   9)),
            "no error");  // a list that holds itself
  EXPECT_THAT(message_of(repeated('}', 5'000'000)), HasSubstr("holds more than"));
}

TEST(PickleDocument, RandomBytesOnlyEverThrowErrors) {
  std::string bytes(64, '\0');
  for (uint64_t trial = 0; trial < 20'000; ++trial) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      // mostly operations, so that the machine gets far
      constexpr std::string_view operations =
          "()tl]}dasueqrhj012NKMJGXcQRb.\x80\x85\x86\x87\x88\x8a\x8c\x93\x94";
      auto const word = philox({.seed = 1, .step = trial}, i, 0);
      bytes[i] = word[0] % 4 ? operations[word[1] % operations.size()] : static_cast<char>(word[1]);
    }
    try {
      PickleDocument::parse(bytes);
    } catch (Error const&) {
    }
  }
}

}  // namespace
}  // namespace eddyline
