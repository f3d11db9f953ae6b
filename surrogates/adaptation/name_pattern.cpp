#include "surrogates/adaptation/name_pattern.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {
namespace {

constexpr size_t kShown = 4;  // nearest names in a message

/// "blocks.12.mlp.0.weight" as "blocks.*.mlp.*.weight": one line for all layers of a kind.
std::string without_numbers(std::string const& name) {
  std::string text;
  for (auto const letter : name) {
    bool const is_digit = std::isdigit(static_cast<unsigned char>(letter)) != 0;
    bool const begins = text.empty() || text.back() == '.';
    if (is_digit && begins) {
      text += '*';
    } else if (!(is_digit && text.back() == '*')) {
      text += letter;
    }
  }
  return text;
}

/// Of a pattern to the name or to a module that holds it, whichever is nearer.
int distance(std::string const& pattern, std::string const& name) {
  auto least = edit_distance(pattern, name);
  for (auto end = name.rfind('.'); end != std::string::npos && end > 0;
       end = name.rfind('.', end - 1)) {
    least = std::min(least, edit_distance(pattern, name.substr(0, end)));
  }
  return least;
}

std::vector<std::string> nearest(std::string const& pattern,
                                 std::vector<std::string> const& names) {
  std::vector<std::string> kinds;
  for (auto const& name : names) {
    auto kind = without_numbers(name);
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
      kinds.push_back(std::move(kind));
    }
  }
  auto const wanted = without_numbers(pattern);
  std::stable_sort(kinds.begin(), kinds.end(), [&](auto const& a, auto const& b) {
    return distance(wanted, a) < distance(wanted, b);
  });
  kinds.resize(std::min(kinds.size(), kShown));
  return kinds;
}

}  // namespace

bool fits(std::string const& pattern, std::string const& name) {
  for (auto end = name.size(); end != std::string::npos; end = name.rfind('.', end - 1)) {
    if (fnmatch(pattern.c_str(), name.substr(0, end).c_str(), 0) == 0) {
      return true;
    }
    if (end == 0) {
      break;
    }
  }
  return false;
}

std::vector<std::string> names_that_fit(std::string const& pattern,
                                        std::vector<std::string> const& names,
                                        std::string const& key) {
  std::vector<std::string> found;
  std::copy_if(names.begin(), names.end(), std::back_inserter(found), [&](auto const& name) {
    return fits(pattern, name);
  });
  require(!found.empty(),
          key,
          ": '",
          pattern,
          "' fits no parameter of the network; the nearest are ",
          nearest(pattern, names));
  return found;
}

}  // namespace eddyline
