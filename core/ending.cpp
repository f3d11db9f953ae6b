#include "core/ending.hpp"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>

#include <c10/util/Exception.h>
#include <yaml-cpp/exceptions.h>

namespace eddyline {
namespace {

constexpr char const* kOutOfMemory =
    "there is not enough memory; use a smaller batch, fewer fields or more ranks on more nodes";

bool is_out_of_memory(std::string const& text) {
  return text.find("can't allocate memory") != std::string::npos ||
         text.find("out of memory") != std::string::npos;
}

template <class Kind>
[[noreturn]] void throw_as(Ending const& ending) {
  Kind error(ending.text);
  error.set_spread(ending.spread);
  throw error;
}

}  // namespace

Ending ending_of(std::exception_ptr const& error) {
  try {
    std::rethrow_exception(error);
  } catch (Exception const& known) {
    return {known.code(), known.what(), known.spread()};
  } catch (c10::OutOfMemoryError const& torch) {
    return {ExitCode::failed, concat(kOutOfMemory, " (", torch.what_without_backtrace(), ")")};
  } catch (c10::Error const& torch) {
    std::string const text = torch.what_without_backtrace();
    if (is_out_of_memory(text)) {
      return {ExitCode::failed, concat(kOutOfMemory, " (", text, ")")};
    }
    return {ExitCode::bug,
            concat("LibTorch refused a call: ",
                   text,
                   "; please report this with the command and the configuration")};
  } catch (std::bad_alloc const&) {
    return {ExitCode::failed, kOutOfMemory};
  } catch (YAML::Exception const& yaml) {
    return {ExitCode::user, concat("bad YAML: ", yaml.what())};
  } catch (nlohmann::json::exception const& json) {
    return {ExitCode::user, concat("bad JSON: ", json.what())};
  } catch (std::filesystem::filesystem_error const& files) {
    return {ExitCode::failed, files.what()};
  } catch (std::exception const& other) {
    return {ExitCode::bug,
            concat(other.what(), "; please report this with the command and the configuration")};
  } catch (...) {
    return {ExitCode::bug, "something was thrown that is no exception; please report this"};
  }
}

[[noreturn]] void throw_again(Ending const& ending) {
  switch (ending.code) {
    case ExitCode::user:
      throw_as<Error>(ending);
    case ExitCode::diverged:
      throw_as<Diverged>(ending);
    case ExitCode::bug:
      throw_as<Bug>(ending);
    default:
      throw_as<Failure>(ending);
  }
}

void leave(int code) {
  std::fflush(nullptr);
  std::_Exit(code);
}

}  // namespace eddyline
