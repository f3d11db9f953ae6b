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

void set_mode(Words& words, RunMode mode, VerbUsage const& usage) {
  require(usage.takes(mode),
          usage.name,
          " cannot resume: it does its work in one go; run it again with --overwrite");
  require(words.mode == RunMode::fresh || words.mode == mode,
          "--resume and --overwrite exclude each other; give one: --resume goes on with the run "
          "folder, --overwrite replaces it");
  words.mode = mode;
}

/// The verb's own flags, then the common ones that it takes, each with its help.
std::vector<std::pair<std::string, std::string>> all_flags(VerbUsage const& usage) {
  auto flags = usage.flags;
  flags.emplace_back("--help", "this text");
  flags.emplace_back("--print-config",
                     "the configuration as YAML, with the file and overrides applied");
  if (usage.takes(RunMode::resume)) {
    flags.emplace_back("--resume",
                       "go on with a run folder, or begin it where it is not there yet");
  }
  if (usage.takes(RunMode::overwrite)) {
    flags.emplace_back("--overwrite", "replace what an earlier call left there");
  }
  return flags;
}

void take_flag(Words& words, std::string const& flag, VerbUsage const& usage) {
  bool const leaves_files = !usage.modes.empty();
  if (flag == "--help" || flag == "-h") {
    words.wish = Words::Wish::help;
  } else if (flag == "--print-config") {
    words.wish = Words::Wish::print_config;
  } else if (leaves_files && flag == "--resume") {
    set_mode(words, RunMode::resume, usage);
  } else if (leaves_files && flag == "--overwrite") {
    set_mode(words, RunMode::overwrite, usage);
  } else {
    std::vector<std::string> known;
    for (auto const& [name, help] : all_flags(usage)) {
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

bool VerbUsage::takes(RunMode mode) const {
  return std::find(modes.begin(), modes.end(), mode) != modes.end();
}

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
  text += "\nflags:\n";
  for (auto const& [name, help] : all_flags(usage)) {
    text += fmt::format("  {:<16} {}\n", name, help);
  }
  if (!config_help.empty()) {
    text += "\nkeys, with their defaults:\n" + config_help;
  }
  print_once(world, text);
}

}  // namespace eddyline
