#include "surrogates/field_union.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/prediction.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Field scalar(std::string const& name) {
  return {.name = name};
}
Field vector(std::string const& name, std::vector<std::string> components) {
  return {.name = name, .components = std::move(components), .order = 1};
}

std::shared_ptr<BatchSpec> spec(std::vector<Field> const& fields,
                                std::vector<Field> const& known = {}) {
  auto made = std::make_shared<BatchSpec>();
  auto inputs = fields;
  inputs.insert(inputs.end(), known.begin(), known.end());
  made->dataset = fields.front().name;
  made->input_fields = FieldSet(inputs);
  made->known_fields = FieldSet(known);
  made->output_fields = FieldSet(fields);
  return made;
}

/// (velocity x, y; pressure) and (density; velocity x, y, z).
struct TwoSets {
  std::shared_ptr<BatchSpec> a = spec({vector("velocity", {"x", "y"}), scalar("pressure")});
  std::shared_ptr<BatchSpec> b = spec({scalar("density"), vector("velocity", {"x", "y", "z"})});
  FieldUnion fields = FieldUnion::of({a.get(), b.get()});
};

TEST(FieldUnion, HasEveryFieldWithEveryComponent) {
  TwoSets const sets;
  EXPECT_EQ(
      sets.fields.inputs.channel_names(),
      (std::vector<std::string>{"velocity_x", "velocity_y", "velocity_z", "pressure", "density"}));
  EXPECT_FALSE(sets.fields.is_of(*sets.a));
  EXPECT_TRUE(FieldUnion::of({sets.a.get()}).is_of(*sets.a));
  EXPECT_TRUE(sets.fields.covers(*sets.a));
  EXPECT_FALSE(FieldUnion::of({sets.a.get()}).covers(*sets.b)) << "velocity z and density";
}

TEST(FieldUnion, PutsKnownFieldsLast) {
  auto const a = spec({scalar("p")}, {scalar("hour")});
  auto const b = spec({scalar("q")}, {scalar("hour")});
  EXPECT_EQ(FieldUnion::of({a.get(), b.get()}).inputs.channel_names(),
            (std::vector<std::string>{"p", "q", "hour"}));
}

TEST(FieldUnion, ShowsZerosWhereASetHasNothingAndGivesItsOwnChannelsBack) {
  TwoSets const sets;
  Batch batch;
  batch.spec = sets.b;
  batch.input = at::arange(1, 2 * 3 * 4 + 1, at::kFloat).view({2, 3, 4, 1, 1, 1});
  auto const wide = sets.fields.widen(batch).input;
  ASSERT_EQ(wide.size(2), 5);
  EXPECT_TRUE(at::equal(wide.select(2, 4), batch.input.select(2, 0)));
  EXPECT_TRUE(at::equal(wide.narrow(2, 0, 3), batch.input.narrow(2, 1, 3)));
  EXPECT_EQ(wide.select(2, 3).abs().max().item<float>(), 0);
  EXPECT_TRUE(at::equal(sets.fields.narrow(wide, batch), batch.input));
}

TEST(FieldUnion, SurvivesTheTargetRulesJson) {
  TwoSets const sets;
  TargetRule const rule{.fields = sets.fields};
  auto const back = target_rule_from_json(nlohmann::json::parse(to_json(rule).dump()));
  ASSERT_TRUE(back.fields.has_value());
  EXPECT_EQ(back.fields->inputs, sets.fields.inputs);
  EXPECT_EQ(back.fields->outputs, sets.fields.outputs);
}

std::string refusal(std::shared_ptr<BatchSpec> const& a, std::shared_ptr<BatchSpec> const& b) {
  try {
    FieldUnion::of({a.get(), b.get()});
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

TEST(FieldUnion, TellsWhichSetsCannotBeMixed) {
  EXPECT_THAT(refusal(spec({scalar("u")}), spec({vector("u", {"x", "y"})})),
              HasSubstr("field 'u' is of order 0"));
  EXPECT_THAT(refusal(spec({scalar("p")}, {scalar("hour")}), spec({scalar("q")})),
              HasSubstr("need the same fields known ahead"));
}

}  // namespace
}  // namespace eddyline
