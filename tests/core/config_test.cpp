#include "core/config.hpp"

#include <gmock/gmock.h>

#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {

enum class Fit { exact, crop, pad };
template <>
struct EnumNames<Fit> {
  static constexpr auto names = std::to_array<std::pair<Fit, char const*>>(
      {{Fit::exact, "exact"}, {Fit::crop, "crop"}, {Fit::pad, "pad"}});
};

namespace {

using testing::HasSubstr;

struct PartConfig {
  std::string name = "part";
  int64_t count = 3;
  bool operator==(PartConfig const&) const = default;
  template <class Visitor>
  void visit(Visitor&& v) {
    v("name", name, "what it is called");
    v("count", count, "how many");
  }
};

struct WholeConfig {
  bool flag = false;
  int small = 1;
  uint64_t seed = 0;
  double rate = 1e-3;
  Fit fit = Fit::exact;
  std::vector<std::string> fields = {"a", "true", "b c", ""};
  std::array<int64_t, 3> patch = {1, 8, 8};
  std::optional<double> lead;
  std::map<std::string, double> weights = {{"u", 0.5}};
  std::vector<PartConfig> parts;
  PartConfig part;
  YamlText model = {"name: morph\n"};
  bool operator==(WholeConfig const&) const = default;
  template <class Visitor>
  void visit(Visitor&& v) {
    v("flag", flag, "a switch");
    v("small", small, "a small number");
    v("seed", seed, "of all random numbers");
    v("rate", rate, "learning rate [1/step]");
    v("fit", fit, "what to do with cells that do not fit");
    v("fields", fields, "names");
    v("patch", patch, "cells on D, H, W");
    v("lead", lead, "time ahead [h]");
    v("weights", weights, "by field");
    v("parts", parts, "many");
    v("part", part, "a section");
    v("model", model, "the network's own section");
  }
};

WholeConfig parse(std::string const& yaml) {
  return parse_config<WholeConfig>(yaml, "run.yaml");
}

std::string error_of(std::string const& yaml) {
  try {
    parse(yaml);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

std::string override_error(std::string const& text) {
  WholeConfig config;
  try {
    apply_overrides(config, {text});
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(Config, MissingKeysKeepTheirDefaults) {
  EXPECT_EQ(parse(""), WholeConfig{});
  EXPECT_EQ(parse("part:\n").part.count, 3);
}

TEST(Config, ReadsEveryKindOfMember) {
  auto const config = parse(
      "flag: yes\nsmall: -4\nseed: 18446744073709551615\nrate: 2\nfit: crop\nfields: "
      "[density]\npatch: [4, 5, 6]\n"
      "lead: 6\nweights: {v: 2}\nparts:\n  - name: x\n  - {count: 1e3}\npart: {count: 7}\nmodel:\n "
      " dim: 8\n");
  WholeConfig const expected = {.flag = true,
                                .small = -4,
                                .seed = std::numeric_limits<uint64_t>::max(),
                                .rate = 2,
                                .fit = Fit::crop,
                                .fields = {"density"},
                                .patch = {4, 5, 6},
                                .lead = 6,
                                .weights = {{"v", 2}},
                                .parts = {{.name = "x"}, {.count = 1000}},
                                .part = {.count = 7},
                                .model = config.model};
  EXPECT_EQ(config, expected);
  EXPECT_EQ(parse_yaml(config.model.text, "model").find("dim")->text, "8");
}

TEST(Config, ASectionHandedOnAsTextKeepsItsLines) {
  auto const config = parse("flag: true\n\nmodel:\n  # comment\n  count: 1\n  dimm: 8\n");
  try {
    parse_config<PartConfig>(config.model.text, "run.yaml, section model");
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown key 'dimm' (run.yaml, section model, line 6)"));
  }
}

TEST(Config, PrintedConfigurationReadsBackAndCarriesTheHelp) {
  WholeConfig config = {.rate = 0.1,
                        .fit = Fit::pad,
                        .lead = -std::numeric_limits<double>::infinity(),
                        .parts = {{}, {}}};
  config.part.name = "a: \"b\"\n # c \xc3\xa9";
  config.model.text = "\n\nname: x\nlayers:\n  - 1\n  - {a: 2}\n";
  auto const printed = print_config(config);
  EXPECT_THAT(printed, HasSubstr("# learning rate [1/step]"));
  auto again = parse(printed);
  EXPECT_EQ(print_yaml_line(parse_yaml(again.model.text, "")),
            print_yaml_line(parse_yaml(config.model.text, "")));
  again.model = config.model;
  EXPECT_EQ(again, config);
}

TEST(Config, HelpNamesEveryKeyWithItsDefaultAndChoices) {
  auto const help = config_help<WholeConfig>();
  EXPECT_THAT(help, HasSubstr("part.count=3"));
  EXPECT_THAT(help, HasSubstr("what to do with cells that do not fit (one of exact, crop, pad)"));
}

TEST(Config, UnknownKeysAreRefusedWithTheNearestNameAndTheLine) {
  EXPECT_EQ(
      error_of("flag: true\npart:\n  cuont: 3\n"),
      "unknown key 'part.cuont' (run.yaml, line 3); did you mean 'count'? known: name, count");
}

TEST(Config, WrongTypesAreRefusedNamingKeyValueAndWhatIsAllowed) {
  EXPECT_EQ(error_of("part:\n  count: many"),
            "'part.count' is many; it takes a whole number (run.yaml, line 2)");
  EXPECT_EQ(error_of("small: 3000000000"),
            "'small' is 3000000000; it takes a whole number from -2147483648 to 2147483647 "
            "(run.yaml, line 1)");
  EXPECT_EQ(error_of("small: 1.5"), "'small' is 1.5; it takes a whole number (run.yaml, line 1)");
  EXPECT_EQ(error_of("seed: -1"), "'seed' is -1; it takes a whole number ≥ 0 (run.yaml, line 1)");
  EXPECT_EQ(error_of("rate: 1e-3x"), "'rate' is 1e-3x; it takes a number (run.yaml, line 1)");
  EXPECT_EQ(error_of("flag: 1"), "'flag' is 1; it takes true or false (run.yaml, line 1)");
  EXPECT_EQ(error_of("fit: cut"),
            "'fit' is cut; it takes one of exact, crop, pad (run.yaml, line 1)");
  EXPECT_EQ(error_of("patch: [1, 2]"),
            "'patch' is [1, 2]; it takes a list of 3 values, such as [1, 2] (run.yaml, line 1)");
  EXPECT_EQ(error_of("fields: x"),
            "'fields' is x; it takes a list, such as [1, 2] (run.yaml, line 1)");
  EXPECT_EQ(error_of("rate:"), "'rate' has no value; it takes a number (run.yaml, line 1)");
  EXPECT_EQ(error_of("parts: [{count: x}]"),
            "'parts.0.count' is x; it takes a whole number (run.yaml, line 1)");
  EXPECT_EQ(error_of("part: 3"), "'part' is 3; it takes keys with values (run.yaml, line 1)");
  EXPECT_EQ(error_of("[1, 2]"),
            "the configuration is [1, 2]; it takes keys with values (run.yaml, line 1)");
}

TEST(Config, OverridesSetNestedKeysInOrder) {
  WholeConfig config;
  apply_overrides(config,
                  {"part.name=a=b, c: #d",
                   "part.count=1",
                   "part.count=2",
                   "weights.v=3",
                   "patch=[1,2,3]",
                   "lead=6",
                   "model.dim=8",
                   "model.sub.x=[1]",
                   "fields=[]",
                   "parts=[{name: q}]"});
  EXPECT_EQ(config.part, (PartConfig{.name = "a=b, c: #d", .count = 2}));
  EXPECT_EQ(config.weights, (std::map<std::string, double>{{"u", 0.5}, {"v", 3}}));
  EXPECT_EQ(config.patch, (std::array<int64_t, 3>{1, 2, 3}));
  EXPECT_EQ(config.lead, 6);
  EXPECT_EQ(config.model.text, "name: morph\ndim: 8\nsub:\n  x: [1]\n");
  EXPECT_TRUE(config.fields.empty());
  EXPECT_EQ(config.parts.at(0).name, "q");
  apply_overrides(config, {"lead=null"});
  EXPECT_FALSE(config.lead.has_value());
}

TEST(Config, WrongOverridesAreRefusedByName) {
  EXPECT_EQ(override_error("part.cuont=3"),
            "unknown key 'part.cuont' (override 'part.cuont=3'); did you mean 'count'? known: "
            "name, count");
  EXPECT_EQ(override_error("small=x"),
            "'small' is x; it takes a whole number (override 'small=x')");
  EXPECT_EQ(override_error("small"), "override 'small' is not of the form key.sub=value");
  EXPECT_EQ(override_error("=3"), "override '=3' is not of the form key.sub=value");
  EXPECT_THAT(override_error("part..count=3"), HasSubstr("has an empty key"));
  EXPECT_THAT(override_error("patch=[1,"), HasSubstr("override 'patch=[1,', line 1: not YAML"));
  EXPECT_THAT(override_error("rate.x=1"), HasSubstr("'rate' is {x: 1}; it takes a number"));
}

TEST(Config, RandomBytesAreReadOrRefusedButNeverCrash) {
  std::mt19937 random(2);
  auto const sample = print_config(WholeConfig{.parts = {{}, {}}});
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    auto text = sample;
    for (int i = 0; i < 1 + round % 5; ++i) {
      text[random() % text.size()] = static_cast<char>(random() % 256);
    }
    try {
      auto const config = parse(text);
      EXPECT_EQ(parse(print_config(config)).fields, config.fields);
    } catch (Error const&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace eddyline
