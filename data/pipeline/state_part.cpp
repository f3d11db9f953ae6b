#include "data/pipeline/state_part.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/entries.hpp"
#include "core/error.hpp"

namespace eddyline {
namespace {

FieldSet named_fields(FieldSet const& state,
                      std::vector<std::string> const& names,
                      char const* key) {
  return names.empty() ? state
                       : with_context([&] { return state.select(names); }, "reading data.", key);
}

bool has_field(FieldSet const& fields, Field const& field) {
  auto const& all = fields.fields();
  return std::find(all.begin(), all.end(), field) != all.end();
}

}  // namespace

at::Tensor StatePart::of(at::Tensor const& values, Mesh::Group const& group) const {
  auto const some = channels.empty() ? values : take_entries(values, values.dim() - 4, channels);
  return cells ? cells->take(some, group) : some;
}

SampleFields sample_fields(FieldSet const& state, DataConfig const& config) {
  SampleFields const chosen{named_fields(state, config.input_fields, "input_fields"),
                            named_fields(state, config.target_fields, "target_fields")};
  for (auto const& field : state.fields()) {
    require(has_field(chosen.inputs, field) || has_field(chosen.outputs, field),
            "field '",
            field.name,
            "' is neither in data.input_fields nor in data.target_fields; leave it out of "
            "data.fields, or name it in one of them");
  }
  require(chosen.inputs == state || config.normalisation != Normalisation::oracle,
          "data.normalisation is oracle, which scales all fields of a state; leave out "
          "data.input_fields, or use dataset");
  return chosen;
}

FieldSet joined(FieldSet const& a, FieldSet const& b) {
  auto fields = a.fields();
  fields.insert(fields.end(), b.fields().begin(), b.fields().end());
  return FieldSet(std::move(fields));
}

std::vector<int64_t> channels_in(FieldSet const& state, FieldSet const& fields) {
  if (fields == state) {
    return {};
  }
  std::vector<std::string> names;
  for (auto const& field : fields.fields()) {
    names.push_back(field.name);
  }
  return state.channels_of(names);
}

void check_part(GridPart const& part, Fit const& fit) {
  auto const shape = fit.grid().shape();
  require(part.cells == std::array<int64_t, 2>{shape[1], shape[2]},
          "the network predicts a part of a grid with ",
          part.cells[0],
          " x ",
          part.cells[1],
          " cells, the data have ",
          shape[1],
          " x ",
          shape[2],
          "; use data on the grid that it was made for");
  require(!fit.adds_cells(),
          "data.fit is pad, which adds cells, but the network predicts a part of the grid; use "
          "data.fit=crop");
}

}  // namespace eddyline
