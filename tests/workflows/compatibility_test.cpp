#include "workflows/compatibility.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

DataFacts facts() {
  return data_facts(*tiny::spec());
}

/// The message of the refusal; "" if there was none.
std::string refusal(DataFacts const& now, std::vector<std::string> const& allow = {}) {
  try {
    check_compatible(facts(), now, allow, "'x.hdf5'");
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

Grid stretched(double factor) {
  auto axes = std::vector<Axis>{tiny::grid().axis(1), tiny::grid().axis(2)};
  for (auto& coordinate : axes[0].coordinates) {
    coordinate *= factor;
  }
  return Grid(axes);
}

TEST(CheckCompatible, PassesWhatIsTheSame) {
  EXPECT_EQ(refusal(facts()), "");
  auto other_size = facts();
  other_size.grid = tiny::grid(8, 12);
  EXPECT_EQ(refusal(other_size), "");  // more cells of the same size
}

TEST(CheckCompatible, TakesEveryStepThatTheModelLearned) {
  auto trained = facts();
  trained.more_steps = {3};
  auto now = facts();
  now.step = 3;
  EXPECT_NO_THROW(check_compatible(trained, now, {}, "'x'"));
  EXPECT_NO_THROW(check_compatible(data_facts_from_json(to_json(trained)), now, {}, "'x'"));
  now.step = 2;
  EXPECT_THROW(check_compatible(trained, now, {}, "'x'"), Error);
}

TEST(CheckCompatible, RefusesEachDifferenceByNameAndLetsItPassByName) {
  std::map<std::string, DataFacts> changed;
  for (auto const& name : compatibility_names()) {
    changed[name] = facts();
  }
  changed["step"].step = 2;
  changed["time_unit"].time_unit = "h";
  changed["fields"].input_fields =
      FieldSet({{.name = "b", .units = "m"}, {.name = "a", .units = "m"}});
  changed["units"].input_fields =
      FieldSet({{.name = "a", .units = "km"}, {.name = "b", .units = "m"}});
  changed["spacing"].grid = stretched(1.5);
  auto walls = std::vector<Axis>{tiny::grid().axis(1), tiny::grid().axis(2)};
  walls[1].boundaries = {Boundary::wall, Boundary::open};
  changed["boundaries"].grid = Grid(walls);
  changed["geometry"].grid = Grid({tiny::grid().axis(1), tiny::grid().axis(2)}, Geometry::lat_lon);
  for (auto const& [name, now] : changed) {
    auto const message = refusal(now);
    EXPECT_NE(message.find("\n  " + name + ": "), std::string::npos) << name << ": " << message;
    EXPECT_NE(message.find("allow: [" + name + "]"), std::string::npos) << message;
    EXPECT_EQ(refusal(now, {name}), "") << name;
  }
}

/// x with these coordinates, y as it was.
DataFacts on_axis(std::vector<double> coordinates) {
  auto now = facts();
  auto axes = std::vector<Axis>{tiny::grid().axis(1), tiny::grid().axis(2)};
  axes[0].coordinates = std::move(coordinates);
  now.grid = Grid(axes);
  return now;
}

TEST(CheckCompatible, ComparesStretchedAxesCellByCell) {
  auto const trained = on_axis({0, 1, 3, 6});
  auto const fits = [&](std::vector<double> coordinates) {
    try {
      check_compatible(trained, on_axis(std::move(coordinates)), {}, "'x.hdf5'");
      return true;
    } catch (Error const&) {
      return false;
    }
  };
  EXPECT_TRUE(fits({10, 11, 13, 16}));
  EXPECT_TRUE(fits({1, 3, 6})) << "a part of the grid";
  EXPECT_TRUE(fits({0, 1, 3, 6, 10})) << "a larger grid of which it is a part";
  EXPECT_FALSE(fits({0, 3, 5, 6})) << "the same mean";
  EXPECT_FALSE(fits({0, 2, 4, 6})) << "uniform";
}

TEST(CheckCompatible, TakesAnUnknownUnitAsFitting) {
  auto now = facts();
  now.time_unit = "";
  now.input_fields = FieldSet({{.name = "a"}, {.name = "b"}});
  EXPECT_EQ(refusal(now), "");
}

TEST(CheckCompatible, TakesAnUnknownStepAsFitting) {
  auto now = facts();
  now.step.reset();
  EXPECT_EQ(refusal(data_facts_from_json(to_json(now))), "");
}

TEST(CheckCompatible, NamesTheNearestWhenAllowIsMisspelt) {
  EXPECT_NE(refusal(facts(), {"spacings"}).find("did you mean 'spacing'"), std::string::npos)
      << refusal(facts(), {"spacings"});
}

TEST(DataFacts, SurviveJson) {
  auto const back = data_facts_from_json(to_json(facts()));
  EXPECT_EQ(refusal(back), "");
  EXPECT_EQ(back.grid, facts().grid);
  auto json = to_json(facts());
  json.erase("step");
  EXPECT_THROW(data_facts_from_json(json), Error);
}

}  // namespace
}  // namespace eddyline
