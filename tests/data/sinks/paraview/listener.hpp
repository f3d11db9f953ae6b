// Something that listens in the place of a ParaView, with the manners that listener.py knows.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <tuple>

#include "core/communicator.hpp"
#include "core/error.hpp"
#include "tests/places.hpp"

namespace eddyline {

/// A shell command that starts a listener, as the shell's job $listener, and waits until it
/// listens; `file` then begins with its port.
inline std::string listen_as(std::string const& ways, std::string const& file) {
  return concat("rm -f ",
                file,
                "; ",
                venv_python(),
                " -B ",
                source_file("tests/data/sinks/paraview/listener.py"),
                " ",
                file,
                " ",
                ways,
                " > /dev/null 2>&1 & listener=$!; for i in $(seq 400); do test -s ",
                file,
                " && break; sleep 0.05; done; ");
}

/// Connections that a listener has had so far.
inline int connections_in(std::filesystem::path const& file) {
  std::ifstream in(file);
  int lines = -1;  // the first has the port
  for (std::string line; std::getline(in, line);) {
    lines += line.ends_with(" was left") ? 0 : 1;
  }
  return lines;
}

/// A listener of the first rank's, ended with this object.
class Listener {
 public:
  Listener(std::string const& ways, Communicator const& ranks)
      : file_(std::filesystem::temp_directory_path() / concat("eddyline_listener_", getpid())) {
    if (ranks.is_root()) {
      auto const line =
          listen_as(ways, file_.string()) + "echo $listener > " + file_.string() + ".pid";
      EDDYLINE_ENSURE(std::system(line.c_str()) == 0, line);
      std::ifstream(file_) >> port_;
    }
    port_ = ranks.all_reduce(port_);
  }
  Listener(Listener const&) = delete;
  Listener& operator=(Listener const&) = delete;
  ~Listener() {
    std::string process;
    if (std::ifstream(file_.string() + ".pid") >> process) {
      std::ignore = std::system(("kill " + process).c_str());
    }
  }
  int64_t port() const { return port_; }
  /// On the first rank.
  int connections() const { return connections_in(file_); }

 private:
  std::filesystem::path file_;
  int64_t port_ = 0;
};

}  // namespace eddyline
