#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "apps/usage.hpp"
#include "core/communicator.hpp"
#include "core/config.hpp"
#include "core/error.hpp"

namespace eddyline {

/// What to do with a run folder that is there already.
enum class RunMode { fresh, resume, overwrite };

/// What a verb says of itself in `--help`.
struct VerbUsage {
  std::string name;         ///< "train"
  std::string description;  ///< a sentence or a paragraph
  /// Words beyond the configuration and overrides that the verb takes, for example {"FILE"};
  /// `eddyline inspect FILE`.
  std::vector<std::string> operands = {};
  /// Flags of its own beyond the common ones, with a line of help: {"--suggest", "print a map to
  /// start from"}.
  std::vector<std::pair<std::string, std::string>> flags = {};
  std::string example = {};  ///< a command that works
  /// Which of --resume and --overwrite it takes.
  std::vector<RunMode> modes = {};

  bool takes(RunMode mode) const;
};

/// The words after the verb, sorted.
struct Words {
  std::optional<std::string> config_file;
  std::vector<std::string> overrides;
  std::vector<std::string> operands;  ///< as many as the usage names, or fewer
  std::vector<std::string> flags;     ///< those of the verb's own that were given
  RunMode mode = RunMode::fresh;
  enum class Wish { run, help, print_config } wish = Wish::run;

  bool has(std::string const& flag) const;
};

/// `[CONFIG.yaml] [key.sub=value…] [--help] [--print-config]`, those of [--resume] [--overwrite]
/// that the verb takes, and its own words. A word ending in .yaml or .yml is the configuration,
/// unless the verb takes operands and no configuration fits. \throw Error  on an unknown flag
/// (naming the nearest), a second configuration, a word too many, or both modes
Words sort_words(std::vector<std::string> const& arguments, VerbUsage const& usage);

/// The configuration that a verb runs with, and how.
template <class C>
struct CommandLine {
  C config;
  RunMode mode = RunMode::fresh;
  std::vector<std::string> operands;
  std::vector<std::string> flags;
  std::string config_file;  ///< "" if only defaults and overrides were given

  bool has(std::string const& flag) const {
    return std::find(flags.begin(), flags.end(), flag) != flags.end();
  }
};

/// The file's text, read by the root and sent to all. Collective. \throw Error  on all ranks
std::string read_config_file(std::string const& path, Communicator const& world);
/// Prints on the root rank what `--help` shows.
void print_usage(VerbUsage const& usage, std::string const& config_help, Communicator const& world);

/// Reads a verb's configuration: defaults, then the file, then the overrides. Collective: all ranks
/// get the same, or the same error. \return none after `--help` or `--print-config`, which print
/// and leave nothing to do
template <class C>
std::optional<CommandLine<C>> parse_command_line(std::vector<std::string> const& arguments,
                                                 VerbUsage const& usage,
                                                 Communicator const& world) {
  Words words;
  world.together([&] { words = sort_words(arguments, usage); });
  if (words.wish == Words::Wish::help) {
    print_usage(usage, config_help<C>(), world);
    return std::nullopt;
  }
  CommandLine<C> line{.mode = words.mode, .operands = words.operands, .flags = words.flags};
  line.config_file = words.config_file.value_or("");
  auto const text =
      line.config_file.empty() ? std::string() : read_config_file(line.config_file, world);
  world.together([&] {
    line.config = parse_config<C>(text, line.config_file);
    apply_overrides(line.config, words.overrides);
  });
  if (words.wish == Words::Wish::print_config) {
    print_once(world, print_config(line.config));
    return std::nullopt;
  }
  return line;
}

}  // namespace eddyline
