#include "data/sinks/catalyst.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <regex>

#include "core/error.hpp"
#include "core/installed.hpp"
#include "core/log.hpp"
#include "data/sinks/paraview/catalyst_interface.h"

namespace eddyline {
namespace {

constexpr char const* kLibrary = "lib/libeddyline_paraview.so";
constexpr char const* kScripts = "share/eddyline/catalyst";
constexpr char const* kLiveScript = "live";  // shows the frames to a client, writes nothing

/// The functions of the library, which stays open: VTK cannot be unloaded.
struct CatalystLibrary {
  decltype(&eddyline_catalyst_open) open;
  decltype(&eddyline_catalyst_show) show;
  decltype(&eddyline_catalyst_close) close;
};

template <class Function>
void find_function(void* library, char const* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  require(function != nullptr, kLibrary, " is of another build of this program; install both anew");
}

CatalystLibrary open_library() {
  auto const path = installed(kLibrary);
  require(path.has_value(),
          "this build of the program has no ParaView, which the section catalyst needs: install "
          "ParaView 5.11 with its headers (Debian: paraview-dev python3-paraview) and configure "
          "with -DEDDYLINE_CATALYST=ON, or leave catalyst.script and catalyst.live out");
  // Global: the Python modules of ParaView that are loaded later use its symbols. Lazy: looking up
  // all the symbols of its libraries, of which a run uses few, takes longer than the rest of it.
  auto* const library = dlopen(path->c_str(), RTLD_LAZY | RTLD_GLOBAL);
  require(library != nullptr,
          "ParaView cannot be loaded: ",
          library == nullptr ? dlerror() : "",
          "; install it on this machine (Debian: paraview python3-paraview)");
  decltype(&eddyline_catalyst_interface) interface_of = nullptr;
  find_function(library, "eddyline_catalyst_interface", interface_of);
  require(interface_of() == EDDYLINE_CATALYST_INTERFACE,
          path->string(),
          " is of another version of this program; install both anew");
  CatalystLibrary functions{};
  find_function(library, "eddyline_catalyst_open", functions.open);
  find_function(library, "eddyline_catalyst_show", functions.show);
  find_function(library, "eddyline_catalyst_close", functions.close);
  return functions;
}

struct LiveAddress {
  std::string host;
  int port = 0;
};

LiveAddress live_address(std::string const& text) {
  constexpr int kLargestPort = 65535;
  auto const colon = text.rfind(':');
  LiveAddress address{.host = text.substr(0, colon)};
  auto const* const end = text.data() + text.size();
  auto const* const digits = colon == text.npos ? end : text.data() + colon + 1;
  auto const [last, problem] = std::from_chars(digits, end, address.port);
  require(!address.host.empty() && problem == std::errc{} && last == end && address.port >= 1 &&
              address.port <= kLargestPort,
          "catalyst.live is '",
          text,
          "', not host:port; a client that connected to Catalyst listens on port 22222 unless told "
          "otherwise: localhost:22222");
  return address;
}

std::vector<char const*> pointers_to(std::vector<std::string> const& texts) {
  std::vector<char const*> pointers;
  for (auto const& text : texts) {
    pointers.push_back(text.c_str());
  }
  return pointers;
}

InSitu::Ending ending_from(int ending) {
  switch (ending) {
    case EDDYLINE_CATALYST_DONE:
      return InSitu::Ending::done;
    case EDDYLINE_CATALYST_LEFT:
      return InSitu::Ending::left;
    case EDDYLINE_CATALYST_COMPLAINED:
      return InSitu::Ending::complained;
    case EDDYLINE_CATALYST_STUCK:
      return InSitu::Ending::stuck;
    default:
      return InSitu::Ending::failed;
  }
}

EddylineCatalystAxis axis_of(InSituFrame const& frame, size_t slot) {
  return {.whole = frame.whole[slot],
          .first = frame.held.first[slot],
          .count = frame.held.size[slot],
          .own_first = frame.own.first[slot],
          .own_count = frame.own.size[slot],
          .coordinates = frame.coordinates[slot].data(),
          .origin = frame.origin[slot],
          .spacing = frame.spacing[slot]};
}

class Catalyst final : public InSitu {
 public:
  using StopAsked = decltype(CatalystPlace::stop_asked);

  Catalyst(CatalystConfig const& config, CatalystPlace const& place, Communicator const& ranks)
      : library_(open_library()),
        output_(std::filesystem::absolute(place.output).string()),
        stop_asked_(place.stop_asked) {
    auto const script = catalyst_script(config).string();
    auto const arguments = pointers_to(config.arguments);
    auto const channels = pointers_to(place.channels);
    auto const live = config.live.empty() ? LiveAddress{} : live_address(config.live);
    EddylineCatalystSession const session{
        .communicator = MPI_Comm_c2f(ranks.handle()),
        .script = script.c_str(),
        .arguments = arguments.data(),
        .argument_count = static_cast<int>(arguments.size()),
        .channels = channels.data(),
        .channel_count = static_cast<int>(channels.size()),
        .output_folder = output_.c_str(),
        .live_host = config.live.empty() ? nullptr : live.host.c_str(),
        .live_port = live.port,
        .patience = config.patience,
        .stop_asked = [](void* of) { return (*static_cast<StopAsked*>(of))() ? 1 : 0; },
        .stop_asked_of = &stop_asked_};
    auto const result = library_.open(&session);
    expect_machine(result.ending == EDDYLINE_CATALYST_DONE, result.words);
  }
  Catalyst(Catalyst const&) = delete;
  Catalyst& operator=(Catalyst const&) = delete;
  ~Catalyst() override { library_.close(); }

  Result show(InSituFrame const& frame) override {
    std::vector<EddylineCatalystArray> arrays;
    for (auto const& array : frame.arrays) {
      arrays.push_back({.name = array.name.c_str(),
                        .units = array.units.c_str(),
                        .values = array.values.const_data_ptr(),
                        .components = array.values.dim() == 4 ? 3 : 1,
                        .bytes = static_cast<int>(array.values.element_size())});
    }
    EddylineCatalystFrame const given{
        .step = frame.step,
        .time = frame.time,
        .time_unit = frame.time_unit.c_str(),
        .axes = {axis_of(frame, 2), axis_of(frame, 1), axis_of(frame, 0)},
        .uniform = frame.is_uniform ? 1 : 0,
        .arrays = arrays.data(),
        .array_count = static_cast<int>(arrays.size())};
    auto const shown = library_.show(&given);
    Result result{ending_from(shown.ending), shown.words};
    if (shown.ending == EDDYLINE_CATALYST_COMPLAINED) {
      result.words +=  // ParaView does not say that a disk is full
          concat(" (files go to '", output_, "'; is there room, may it be written?)");
    }
    return result;
  }

 private:
  CatalystLibrary library_;
  std::string output_;
  StopAsked stop_asked_;
};

/// Names of the scripts that come with the program.
std::vector<std::string> ready_scripts() {
  std::vector<std::string> names;
  if (auto const folder = installed(kScripts)) {
    for (auto const& entry : std::filesystem::directory_iterator(*folder)) {
      if (auto const name = entry.path().filename().string();
          name.ends_with(".py") && !name.starts_with("_")) {
        names.push_back(entry.path().stem().string());
      }
    }
  }
  std::ranges::sort(names);
  return names;
}

void warn_of_other_files(std::filesystem::path const& path,
                         std::vector<std::string> const& channels) {
  std::ifstream file(path);
  std::string const script(std::istreambuf_iterator<char>(file), {});
  auto const others = sources_of_other_files(script, channels);
  if (!others.empty()) {
    log_warning("catalyst.script '",
                path.string(),
                "' reads files of its own, by its sources ",
                others,
                "; of this run it shows what comes from a source named ",
                channels,
                ": rename it in ParaView's pipeline browser and save the script again");
  }
}

}  // namespace

std::filesystem::path catalyst_script(CatalystConfig const& config) {
  auto const asked = config.script.empty() ? std::filesystem::path(kLiveScript) : config.script;
  bool const is_name = !asked.has_parent_path() && !asked.has_extension();
  auto const ready = installed(std::filesystem::path(kScripts) / (asked.string() + ".py"));
  if (is_name && ready) {
    return std::filesystem::absolute(*ready);
  }
  std::error_code missing;
  require(std::filesystem::exists(asked, missing),
          "catalyst.script: there is no file '",
          asked.string(),
          "'; name a script, or one of the ready ones: ",
          ready_scripts());
  return std::filesystem::absolute(asked);
}

std::vector<std::string> sources_of_other_files(std::string const& script,
                                                std::vector<std::string> const& channels) {
  // x = XDMFReader(registrationName='x.xdmf', FileNames=['…/x.xdmf']), as ParaView writes them.
  static std::regex const source(
      R"(\(\s*registrationName\s*=\s*['"]([^'"\n]*)['"]\s*(,\s*FileName)?)");
  std::vector<std::string> others;
  for (std::sregex_iterator at(script.begin(), script.end(), source), end; at != end; ++at) {
    auto const name = (*at)[1].str();
    if (std::ranges::find(channels, name) != channels.end()) {
      return {};
    }
    if ((*at)[2].matched) {
      others.push_back(name);
    }
  }
  return others;
}

std::unique_ptr<InSitu> open_catalyst(CatalystConfig const& config,
                                      CatalystPlace const& place,
                                      Communicator const& ranks) {
  if (ranks.is_root()) {
    warn_of_other_files(catalyst_script(config), place.channels);
  }
  return std::make_unique<Catalyst>(config, place, ranks);
}

void check_catalyst(CatalystConfig const& config) {
  check(config);
  if (!config.live.empty()) {
    live_address(config.live);
  }
  catalyst_script(config);
  open_library();
}

}  // namespace eddyline
