#include "core/yaml.hpp"

#include <gmock/gmock.h>

#include <random>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/damage.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string error_of(std::string const& text) {
  try {
    parse_yaml(text, "run.yaml");
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

void expect_same(YamlNode const& a, YamlNode const& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.keys, b.keys);
  ASSERT_EQ(a.items.size(), b.items.size());
  for (size_t i = 0; i < a.items.size(); ++i) {
    expect_same(a.items[i], b.items[i]);
  }
}

char const* const kSample =
    "# comment\n"
    "data:\n"
    "  path: /scratch/a b.h5   # spaces\n"
    "\n"
    "  fields: [density, {name: \"v x\", parts: [1, 2]}]\n"
    "list:\n"
    "  - a: 1\n"
    "    b: 'it''s \"quoted\"'\n"
    "  - - 1\n"
    "    - null\n"
    "text: |\n"
    "  two\n"
    "  lines\n"
    "number: -1.5e-3\n"
    "quoted: \"12\"\n"
    "empty:\n"
    "flag: true\n";

TEST(Yaml, PrintedTextReadsBackToTheSameValueOnTheSameLines) {
  auto const node = parse_yaml(kSample, "sample");
  auto const again = parse_yaml(print_yaml(node), "again");
  expect_same(node, again);
  EXPECT_EQ(node.key_lines, again.key_lines);
  EXPECT_EQ(again.find("list")->items[0].key_lines, (std::vector{7, 8}));
}

TEST(Yaml, OneLineFormReadsBackToo) {
  auto const node = parse_yaml(kSample, "sample");
  auto const line = print_yaml_line(node);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  expect_same(node, parse_yaml(line, "line"));
}

TEST(Yaml, EmptyTextIsNull) {
  EXPECT_EQ(parse_yaml("# nothing\n", "x").kind, YamlNode::Kind::null);
}

TEST(Yaml, BadSyntaxIsRefusedWithFileAndLine) {
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\n"), HasSubstr("run.yaml, line 3: not YAML"));
}

TEST(Yaml, RepeatedKeysAreRefused) {
  EXPECT_THAT(error_of("a: 1\nb: 2\na: 3\n"), HasSubstr("run.yaml, line 3: key 'a' stands twice"));
}

TEST(Yaml, KeysThatAreNotWordsAreRefused) {
  EXPECT_THAT(error_of("? [1, 2]\n: 3\n"), HasSubstr("a key must be a word"));
}

TEST(Yaml, SeveralDocumentsAreRefused) {
  EXPECT_THAT(error_of("a: 1\n---\nb: 2\n"), HasSubstr("several YAML documents"));
}

TEST(Yaml, TextOverOneMebibyteIsRefused) {
  EXPECT_THAT(error_of(std::string(kYamlMaxBytes + 1, '#')), HasSubstr("at most 1048576"));
}

TEST(Yaml, DeepNestingIsRefusedInEveryForm) {
  std::string block;
  for (int i = 0; i < 65; ++i) {
    block += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  }
  for (auto const& text : {std::string(65, '['),
                           std::string(500000, '['),
                           std::string(500000, '{'),
                           block + std::string(65, ' ') + "b: 1"}) {
    EXPECT_THAT(error_of(text), HasSubstr("nested deeper than the 64 levels"));
  }
  std::string dashes;
  for (int i = 0; i < 100000; ++i) {
    dashes += "- ";
  }
  EXPECT_THAT(error_of(dashes), HasSubstr("nested deeper than the 64 levels"));
}

TEST(Yaml, AliasesExpandOnlyWithinBounds) {
  EXPECT_EQ(parse_yaml("a: &x [1, 2]\nb: *x\n", "x").find("b")->items.size(), 2u);
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    bomb += concat("a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) {
      bomb += concat(j ? ", " : "", "*a", i - 1);
    }
    bomb += "]\n";
  }
  EXPECT_THAT(error_of(bomb), HasSubstr("aliases expand to more than"));
  EXPECT_THAT(error_of("&a [*a]"), HasSubstr("an alias refers to the node that holds it"));
}

TEST(Yaml, RandomBytesAreReadOrRefusedButNeverCrash) {
  std::mt19937 random(1);
  std::string const sample =
      std::string(kSample) + "anchor: &n {a: [*n2, ? , !tag x]}\nn: &n2 >-\n  folded\n%YAML\n";
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    auto text = sample;
    auto const flips = 1 + random() % 12;
    for (size_t i = 0; i < flips; ++i) {
      text[random() % text.size()] = static_cast<char>(random() % 256);
    }
    try {
      auto const node = parse_yaml(text.substr(0, random() % (2 * text.size())), "fuzz");
      expect_same(node, parse_yaml(print_yaml(node), "printed"));
    } catch (Error const&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Yaml, DamageOfFilesIsReadOrRefusedInThreeThousandTrials) {
  TimeLimit const time(60);
  MemoryLimit const memory(uint64_t{64} << 20);  // of texts of 2 kB
  int refused = 0;
  for (auto const* name : {"workflows/recipes/quickstart/train.yaml",
                           "workflows/recipes/quickstart/simulate.yaml",
                           "workflows/recipes/era5_t2m/train.yaml"}) {
    auto const whole = bytes_of_file(source_file(name));
    for (uint64_t trial = 0; trial < 1000; ++trial) {
      try {
        parse_yaml(damaged(whole, trial), name);
      } catch (Error const&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 100);  // most flips leave text that is YAML too
}

}  // namespace
}  // namespace eddyline
