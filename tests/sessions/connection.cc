#include "connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>

namespace aurora_global::sessions {
namespace {

constexpr std::size_t kMessageMax = 64U << 20;

[[noreturn]] void fail(const std::string& what) {
  throw ConnectionError(what + ": " + std::strerror(errno));
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string from_base64(std::string_view text) {
  std::string out(text.size(), '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) throw ConnectionError("the server's SCRAM message is no base64");
  const std::size_t padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

std::string hmac(std::string_view key, std::string_view data) {
  std::string out(32, '\0');
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(),
       reinterpret_cast<unsigned char*>(out.data()), nullptr);
  return out;
}

std::string sha256(std::string_view data) {
  std::string out(32, '\0');
  EVP_Digest(data.data(), data.size(), reinterpret_cast<unsigned char*>(out.data()), nullptr,
             EVP_sha256(), nullptr);
  return out;
}

// One role has one salt: its thousands of rounds need not be repeated for each session.
std::string salted_password(const std::string& password, const std::string& salt, int rounds) {
  static std::mutex lock;
  static std::map<std::pair<std::string, std::string>, std::string> known;
  const std::lock_guard guard(lock);
  std::string& out = known[{password, salt}];
  if (out.empty()) {
    out.resize(32);
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                      reinterpret_cast<const unsigned char*>(salt.data()),
                      static_cast<int>(salt.size()), rounds, EVP_sha256(), 32,
                      reinterpret_cast<unsigned char*>(out.data()));
  }
  return out;
}

// The value of `letter` in "r=...,s=...,i=...".
std::string scram_value(std::string_view text, char letter) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    if (part.size() > 1 && part[0] == letter && part[1] == '=') return std::string(part.substr(2));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
  }
  throw ConnectionError("the server's SCRAM message lacks a value");
}

template <typename Address>
int connect_to(int family, const Address& address) {
  const int found = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (found < 0) fail("socket");
  if (::connect(found, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    ::close(found);
    errno = error;
    fail("connect");
  }
  return found;
}

int open_socket(const Target& target) {
  if (target.host.starts_with('/')) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = target.host + "/.s.PGSQL." + std::to_string(Target::kPort);
    if (path.size() >= sizeof address.sun_path) throw ConnectionError("too long: " + path);
    path.copy(address.sun_path, path.size());
    return connect_to(AF_UNIX, address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(Target::kPort);
  if (inet_pton(AF_INET, target.host.c_str(), &address.sin_addr) != 1) {
    throw ConnectionError("no IPv4 address: " + target.host);
  }
  const int found = connect_to(AF_INET, address);
  const int one = 1;
  setsockopt(found, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return found;
}

}  // namespace

Connection::Connection(const Target& target) : socket_(open_socket(target)) {
  fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
}

Connection::~Connection() { ::close(socket_); }

bool Connection::wait(short events, Instant until) const {
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left < 0) return false;
    pollfd one{socket_, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left) + 1);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) fail("poll");
  }
}

// Whether anything came.
bool Connection::take_in() {
  std::array<char, 65536> chunk;
  const ssize_t size = ::read(socket_, chunk.data(), chunk.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (size <= 0) {
    ended_ = true;
    return true;
  }
  if (at_ > 0) {
    in_.erase(0, at_);
    at_ = 0;
  }
  in_.append(chunk.data(), static_cast<std::size_t>(size));
  return true;
}

void Connection::send(std::string_view bytes, Instant until) {
  while (!bytes.empty() && !ended_) {
    const ssize_t size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(size));
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) return;  // What the server said last is still to come.
    if (!wait(POLLIN | POLLOUT, until)) throw ConnectionError("the server takes no more bytes");
    take_in();
  }
}

Connection::Event Connection::next(Message& message, Instant until) {
  for (;;) {
    const std::string_view rest = std::string_view(in_).substr(at_);
    if (rest.size() >= 5) {
      const std::size_t size = number_at(rest, 1);
      if (size < 4 || size > kMessageMax) throw ConnectionError("the stream is out of step");
      if (rest.size() >= size + 1) {
        message.type = rest[0];
        message.body.assign(rest.substr(5, size - 4));
        at_ += size + 1;
        return Event::message;
      }
    }
    if (ended_) return Event::ended;
    if (!wait(POLLIN, until)) return Event::late;
    take_in();
  }
}

void Connection::answer_scram(const Message& message, const std::string& password, Instant until) {
  constexpr std::uint32_t kMechanisms = 10;
  const std::string first = "n=,r=" + nonce_;
  if (number_at(message.body, 0) == kMechanisms) {
    const std::string initial = "n,," + first;
    std::string body = "SCRAM-SHA-256";
    body += '\0';
    for (int shift = 24; shift >= 0; shift -= 8) {
      body += static_cast<char>(initial.size() >> shift);
    }
    send(encode({'p', body + initial}), until);
    return;
  }
  const std::string server = message.body.substr(4);
  const std::string salted = salted_password(password, from_base64(scram_value(server, 's')),
                                             std::stoi(scram_value(server, 'i')));
  const std::string key = hmac(salted, "Client Key");
  const std::string without_proof = "c=biws,r=" + scram_value(server, 'r');
  std::string proof = hmac(sha256(key), first + "," + server + "," + without_proof);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ key[i]);
  send(encode({'p', without_proof + ",p=" + base64(proof)}), until);
}

std::vector<Message> Connection::log_in(const Parameters& parameters, const std::string& password,
                                        Instant until) {
  std::array<unsigned char, 18> random;
  RAND_bytes(random.data(), random.size());
  nonce_ = base64({reinterpret_cast<const char*>(random.data()), random.size()});
  send(startup_packet(parameters), until);
  std::vector<Message> heard;
  for (;;) {
    Message message;
    switch (next(message, until)) {
      case Event::late: throw ConnectionError("no answer to a login");
      case Event::ended: return heard;
      case Event::message: break;
    }
    if (message.type == 'R') {
      constexpr std::uint32_t kMechanisms = 10, kContinue = 11;
      const std::uint32_t what = number_at(message.body, 0);
      if (what == kMechanisms || what == kContinue) answer_scram(message, password, until);
      continue;
    }
    heard.push_back(message);
    if (message.type == 'Z' || message.type == 'E') return heard;
  }
}

}  // namespace aurora_global::sessions
