#include "core/log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <mutex>
#include <set>

namespace eddyline {
namespace {

/// Standard error; on a terminal it keeps a status line below what is logged.
class ConsoleSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ConsoleSink() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

  bool is_terminal() const { return is_terminal_; }

  void show_status(std::string const& text) {
    std::lock_guard const lock(mutex_);
    if (is_terminal_) {
      erase_status();
      status_ = text;
      std::fputs(status_.c_str(), stderr);
      std::fflush(stderr);
    }
  }

 protected:
  void sink_it_(spdlog::details::log_msg const& message) override {
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    erase_status();
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fputs(status_.c_str(), stderr);
  }

  void flush_() override { std::fflush(stderr); }

 private:
  void erase_status() {
    if (!status_.empty()) {
      std::fputs("\r\x1b[K", stderr);
    }
  }

  bool is_terminal_;
  std::string status_;
};

struct Log {
  std::mutex mutex;
  std::shared_ptr<ConsoleSink> console = std::make_shared<ConsoleSink>();
  std::shared_ptr<spdlog::logger> logger = std::make_shared<spdlog::logger>("eddyline", console);
  std::shared_ptr<spdlog::sinks::sink> file;
  std::set<std::string> said;
  bool writes = true;

  Log() {
    console->set_pattern("%H:%M:%S %v");
    logger->set_level(spdlog::level::warn);
    logger->flush_on(spdlog::level::debug);
    spdlog::set_error_handler([](std::string const&) {});
  }
};

Log& the_log() {
  static Log log;
  return log;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string prefix_of(LogLevel level) {
  return level == LogLevel::warning ? "warning: " : level == LogLevel::error ? "error: " : "";
}

}  // namespace

void start_log(Communicator const& world) {
  auto& log = the_log();
  std::lock_guard const lock(log.mutex);
  log.writes = world.is_root();
  log.logger->set_level(log.writes ? spdlog::level::info : spdlog::level::off);
}

void set_log_level(LogLevel level) {
  auto& log = the_log();
  std::lock_guard const lock(log.mutex);
  if (log.writes) {
    log.logger->set_level(spdlog_level(level));
  }
}

void attach_log_file(std::filesystem::path const& file) {
  detach_log_file();
  auto& log = the_log();
  std::lock_guard const lock(log.mutex);
  if (!log.writes) {
    return;
  }
  try {
    log.file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(file.string());
  } catch (spdlog::spdlog_ex const& error) {
    throw Failure(concat("cannot open the log '", file.string(), "': ", error.what()));
  }
  log.file->set_pattern("%Y-%m-%dT%H:%M:%S%z %l %v");
  log.logger->sinks().push_back(log.file);
}

void detach_log_file() {
  auto& log = the_log();
  std::lock_guard const lock(log.mutex);
  if (log.file) {
    log.file->flush();
    std::erase(log.logger->sinks(), log.file);
    log.file.reset();
  }
}

void write_log(LogLevel level, std::string const& line) {
  auto& log = the_log();
  std::lock_guard const lock(log.mutex);
  log.logger->log(spdlog_level(level), "{}{}", prefix_of(level), line);
}

void write_from_any_rank(LogLevel level, std::string const& line) {
  auto& log = the_log();
  if (log.writes) {
    write_log(level, line);
    return;
  }
  auto const text = prefix_of(level) + line;
  log.console->log({"eddyline", spdlog_level(level), text});
  log.console->flush();
}

void write_log_file(LogLevel level, std::string const& line) {
  auto& log = the_log();
  std::lock_guard const lock(log.mutex);
  if (log.file) {
    log.file->log({"eddyline", spdlog_level(level), line});
    log.file->flush();
  }
}

void set_status_line(std::string const& text) {
  the_log().console->show_status(text);
}

bool has_status_line() {
  return the_log().writes && the_log().console->is_terminal();
}

void log_once(std::string const& key, std::string const& line) {
  {
    auto& log = the_log();
    std::lock_guard const lock(log.mutex);
    if (!log.said.insert(key).second) {
      return;
    }
  }
  write_log(LogLevel::info, line);
}

}  // namespace eddyline
