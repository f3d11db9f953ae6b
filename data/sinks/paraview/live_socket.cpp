#include "data/sinks/paraview/live_socket.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vtkClientSocket.h>
#include <vtkObjectFactory.h>
#include <vtkPVVersion.h>
#include <vtkSocketCommunicator.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <exception>
#include <sstream>
#include <system_error>

namespace eddyline_paraview {
namespace {

constexpr char const* kNoParaView =
    "what listens there closed the connection, or is no ParaView " PARAVIEW_VERSION;

constexpr double kLongest = 1e6;  // seconds; poll() counts milliseconds in an int

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Whether an event came within `seconds`; signals do not end the wait.
bool is_ready(int descriptor, short event, double seconds) {
  auto const start = Clock::now();
  for (;;) {
    auto const left = std::clamp(seconds - seconds_since(start), 0.0, kLongest);
    pollfd asked{.fd = descriptor, .events = event, .revents = 0};
    auto const found = poll(&asked, 1, static_cast<int>(std::ceil(1000 * left)));
    if (found >= 0 || errno != EINTR) {
      return found > 0;
    }
  }
}

template <class Value>
void set_option(int descriptor, int level, int option, Value const& value) {
  setsockopt(descriptor, level, option, &value, sizeof(value));
}

/// Takes over a descriptor that is connected, which ParaView's own class cannot.
class ConnectedSocket final : public vtkClientSocket {
 public:
  static ConnectedSocket* New();
  vtkTypeMacro(ConnectedSocket, vtkClientSocket);

  void adopt(int descriptor) {
    SocketDescriptor = descriptor;
    SetConnectingSide(true);
  }
};
vtkStandardNewMacro(ConnectedSocket);

/// 0, or the error. A host that does not answer would otherwise take the kernel's two minutes.
int connect_within(double patience, int descriptor, addrinfo const& place) {
  if (connect(descriptor, place.ai_addr, place.ai_addrlen) == 0) {
    return 0;
  }
  if (errno != EINPROGRESS) {
    return errno;
  }
  if (!is_ready(descriptor, POLLOUT, patience)) {
    return ETIMEDOUT;
  }
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void set_up(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) & ~O_NONBLOCK);
  set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
  // A host that is lost while it pauses the run is noticed after two minutes.
  set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 60);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 6);
}

/// Of a connection that there is, else -1.
int descriptor_of(vtkSocketController* connection) {
  auto* const socket =
      connection == nullptr
          ? nullptr
          : vtkSocketCommunicator::SafeDownCast(connection->GetCommunicator())->GetSocket();
  return socket == nullptr ? -1 : socket->GetSocketDescriptor();
}

/// Another program may answer anything, of which VTK may take a part for a size.
bool shakes_hands(vtkSocketController& controller) {
  try {
    return vtkSocketCommunicator::SafeDownCast(controller.GetCommunicator())->Handshake() != 0;
  } catch (std::exception const&) {
    return false;
  }
}

std::string no_answer(double patience) {
  std::ostringstream text;
  text << "nothing came within " << patience << " s (catalyst.patience)";
  return text.str();
}

LiveAttempt greeted(int descriptor, double patience) {
  LiveAttempt attempt{.controller = vtkSmartPointer<vtkSocketController>::New()};
  auto const socket = vtkSmartPointer<ConnectedSocket>::New();
  socket->adopt(descriptor);
  vtkSocketCommunicator::SafeDownCast(attempt.controller->GetCommunicator())->SetSocket(socket);
  Deadline deadline(attempt.controller, patience);
  return shakes_hands(*attempt.controller) ? attempt : deadline.failed(kNoParaView);
}

/// The places of a name. ParaView listens at addresses of IPv4 only.
class Places {
 public:
  explicit Places(LiveAddress const& address) {
    addrinfo const asked{.ai_flags = AI_NUMERICSERV,
                         .ai_family = AF_INET,
                         .ai_socktype = SOCK_STREAM,
                         .ai_protocol = 0,
                         .ai_addrlen = 0,
                         .ai_addr = nullptr,
                         .ai_canonname = nullptr,
                         .ai_next = nullptr};
    error_ =
        getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &asked, &first_);
  }
  Places(Places const&) = delete;
  Places& operator=(Places const&) = delete;
  ~Places() {
    if (first_ != nullptr) {
      freeaddrinfo(first_);
    }
  }
  int error() const { return error_; }
  addrinfo const* first() const { return first_; }

 private:
  addrinfo* first_ = nullptr;
  int error_ = 0;
};

}  // namespace

LiveAttempt connect_to(LiveAddress const& address, double patience) {
  Places const places(address);
  if (places.error() != 0) {
    return {.controller = nullptr,
            .problem = "the name of its host is not known here (" +
                       std::string(gai_strerror(places.error())) + ")",
            .is_hopeless = true};
  }
  int error = 0;
  for (auto const* place = places.first(); place != nullptr; place = place->ai_next) {
    auto const descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    error = descriptor < 0 ? errno : connect_within(patience, descriptor, *place);
    if (error == 0) {
      set_up(descriptor);
      return greeted(descriptor, patience);
    }
    close(descriptor);
  }
  if (error == ECONNREFUSED) {
    return {};
  }
  return {
      .controller = nullptr,
      .problem = error == ETIMEDOUT ? no_answer(patience) : std::generic_category().message(error),
      .is_hopeless = true};
}

Deadline::Deadline(vtkSocketController* connection, double seconds)
    : seconds_(seconds), watch_([this, descriptor = descriptor_of(connection)] {
        std::chrono::duration<double> const limit(std::min(seconds_, kLongest));
        std::unique_lock lock(mutex_);
        if (!change_.wait_for(lock, limit, [this] { return is_over_; })) {
          has_passed_ = true;
          shutdown(descriptor, SHUT_RDWR);
        }
      }) {}

void Deadline::end() {
  {
    std::lock_guard const lock(mutex_);
    is_over_ = true;
  }
  change_.notify_one();
  if (watch_.joinable()) {
    watch_.join();
  }
}

LiveAttempt Deadline::failed(std::string const& early) {
  end();
  return {.controller = nullptr,
          .problem = has_passed_ ? no_answer(seconds_) : early,
          .is_hopeless = has_passed_};
}

bool has_message(vtkSocketController& connection, double seconds) {
  auto* const communicator = vtkSocketCommunicator::SafeDownCast(connection.GetCommunicator());
  auto const descriptor = descriptor_of(&connection);
  return descriptor < 0 || communicator->HasBufferredMessages() ||
         is_ready(descriptor, POLLIN, seconds);
}

bool has_ended(vtkSocketController& connection) {
  auto const descriptor = descriptor_of(&connection);
  return descriptor < 0 || is_ready(descriptor, POLLRDHUP, 0);
}

}  // namespace eddyline_paraview
