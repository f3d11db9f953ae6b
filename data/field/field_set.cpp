#include "data/field/field_set.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {

FieldSet::FieldSet(std::vector<Field> fields) : fields_(std::move(fields)) {
  for (size_t i = 0; i < fields_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      require(fields_[i].name != fields_[j].name,
              "field '",
              fields_[i].name,
              "' is named twice; give each field its own name");
    }
  }
}

Field const& FieldSet::field(std::string const& name) const {
  std::vector<std::string> known;
  for (auto const& field : fields_) {
    if (field.name == name) {
      return field;
    }
    known.push_back(field.name);
  }
  throw Error(concat("there is no field '", name, "'", did_you_mean(name, known)));
}

int64_t FieldSet::channels() const {
  int64_t count = 0;
  for (auto const& field : fields_) {
    count += field.count();
  }
  return count;
}

int64_t FieldSet::first_channel(size_t index) const {
  int64_t first = 0;
  for (size_t i = 0; i < index; ++i) {
    first += fields_[i].count();
  }
  return first;
}

std::vector<std::string> FieldSet::channel_names() const {
  std::vector<std::string> names;
  for (auto const& field : fields_) {
    for (auto const& component : field.components) {
      names.push_back(component.empty() ? field.name : field.name + "_" + component);
    }
  }
  return names;
}

std::vector<std::string> FieldSet::channel_units() const {
  std::vector<std::string> units;
  for (auto const& field : fields_) {
    units.insert(units.end(), field.components.size(), field.units);
  }
  return units;
}

int64_t FieldSet::max_components() const {
  int64_t most = 0;
  for (auto const& field : fields_) {
    most = std::max(most, field.count());
  }
  return most;
}

FieldSet FieldSet::select(std::vector<std::string> const& names) const {
  std::vector<Field> chosen;
  for (auto const& name : names) {
    chosen.push_back(field(name));
  }
  return FieldSet(std::move(chosen));
}

std::vector<int64_t> FieldSet::channels_of(std::vector<std::string> const& names) const {
  std::vector<int64_t> channels;
  for (auto const& name : names) {
    auto const& wanted = field(name);
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (fields_[i].name == name) {
        for (int64_t k = 0; k < wanted.count(); ++k) {
          channels.push_back(first_channel(i) + k);
        }
      }
    }
  }
  return channels;
}

std::string FieldSet::describe() const {
  std::string text;
  for (auto const& field : fields_) {
    text += (text.empty() ? "" : ", ") + field.name;
    if (field.count() > 1) {
      text += concat(" (", field.components, ")");
    }
    if (!field.units.empty()) {
      text += " [" + field.units + "]";
    }
  }
  return text.empty() ? "none" : text;
}

std::vector<std::string> component_names(int order, std::vector<std::string> const& axes) {
  std::vector<std::string> names = {""};
  for (int i = 0; i < order; ++i) {
    std::vector<std::string> longer;
    for (auto const& name : names) {
      for (auto const& axis : axes) {
        longer.push_back(name + axis);
      }
    }
    names = std::move(longer);
  }
  return names;
}

}  // namespace eddyline
