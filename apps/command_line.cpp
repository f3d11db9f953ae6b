#include "apps/command_line.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/atomic_file.hpp"
#include "core/nearest.hpp"
#include "core/yaml.hpp"

namespace eddyline {
namespace {

bool is_override(std::string const& word) {
  auto const equals = word.find('=');
  // A path may hold '=' too, but a key holds no '/'.
  return equals != std::string::npos && equals > 0 && word.find('/') >= equals;
}

bool is_config_file(std::string const& word) {
  return word.ends_with(".yaml") || word.ends_with(".yml");
}

void set_mode(Words& words, RunMode mode) {
  require(words.mode == RunMode::fresh || words.mode == mode,
          "--resume and --overwrite exclude each other; give one: --resume goes on with the run "
          "folder, --overwrite replaces it");
  words.mode = mode;
}

void take_flag(Words& words, std::string const& flag, VerbUsage const& usage) {
  std::vector<std::string> known = {"--help", "--print-config", "--resume", "--overwrite"};
  if (flag == "--help" || flag == "-h") {
    words.wish = Words::Wish::help;
  } else if (flag == "--print-config") {
    words.wish = Words::Wish::print_config;
  } else if (flag == "--resume") {
    set_mode(words, RunMode::resume);
  } else if (flag == "--overwrite") {
    set_mode(words, RunMode::overwrite);
  } else {
    for (auto const& [name, help] : usage.flags) {
      known.push_back(name);
    }
    require(std::find(known.begin(), known.end(), flag) != known.end(),
            "'eddyline ",
            usage.name,
            "' has no flag ",
            flag,
            did_you_mean(flag, known));
    words.flags.push_back(flag);
  }
}

}  // namespace

bool Words::has(std::string const& flag) const {
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

Words sort_words(std::vector<std::string> const& arguments, VerbUsage const& usage) {
  Words words;
  for (auto const& word : arguments) {
    if (word.starts_with("-")) {
      take_flag(words, word, usage);
    } else if (is_override(word)) {
      words.overrides.push_back(word);
    } else if (is_config_file(word) && !words.config_file) {
      words.config_file = word;
    } else {
      require(words.operands.size() < usage.operands.size(),
              "'eddyline ",
              usage.name,
              "' does not know what to do with '",
              word,
              "'; it takes [CONFIG.yaml] [key.sub=value …]",
              usage.operands.empty() ? "" : " and ",
              usage.operands,
              "; see 'eddyline ",
              usage.name,
              " --help'");
      words.operands.push_back(word);
    }
  }
  return words;
}

std::string read_config_file(std::string const& path, Communicator const& world) {
  std::string text;
  world.together([&] {
    if (world.is_root()) {
      text = read_text(path, static_cast<int64_t>(kYamlMaxBytes));
    }
  });
  return world.broadcast(std::move(text));
}

void print_usage(VerbUsage const& usage,
                 std::string const& config_help,
                 Communicator const& world) {
  std::string operands;
  for (auto const& operand : usage.operands) {
    operands += " " + operand;
  }
  auto text = fmt::format("{}\n\nusage: eddyline {}{} [CONFIG.yaml] [key.sub=value …] [flags]\n",
                          usage.description,
                          usage.name,
                          operands);
  if (!usage.example.empty()) {
    text += "\nexample:\n  " + usage.example + "\n";
  }
  auto flags = usage.flags;
  flags.insert(
      flags.end(),
      {{"--help", "this text"},
       {"--print-config", "the configuration as YAML, with the file and overrides applied"},
       {"--resume", "go on with a run folder, or begin it where it is not there yet"},
       {"--overwrite", "replace a run folder that is there"}});
  text += "\nflags:\n";
  for (auto const& [name, help] : flags) {
    text += fmt::format("  {:<16} {}\n", name, help);
  }
  if (!config_help.empty()) {
    text += "\nkeys, with their defaults:\n" + config_help;
  }
  print_once(world, text);
}

}  // namespace eddyline
