#include "pgclient/testing/postgres.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace aurora_global::pgclient::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* kBin = "/usr/lib/postgresql/15/bin";
constexpr Duration kStartLimit = 30s;

int free_port(const std::string& host) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  socklen_t size = sizeof address;
  int port = 0;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  close(fd);
  return port;
}

// Starts a program of PostgreSQL, as user postgres when we are root; output goes to `log`.
pid_t spawn(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const passwd* user = geteuid() == 0 ? getpwnam("postgres") : nullptr;
  const pid_t pid = fork();
  if (pid != 0) return pid;
  if (user != nullptr && (setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0)) _exit(126);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, STDIN_FILENO);
  if (chdir("/") != 0) _exit(126);
  setsid();  // A Ctrl-C for the test must not reach it; the fixture ends it.
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

Result<std::unique_ptr<Postgres>> Postgres::start(std::string settings) {
  std::unique_ptr<Postgres> server(new Postgres());
  std::string pattern = "/tmp/ag-postgres-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    return make_error(ErrorKind::unavailable, "cannot make a directory in /tmp");
  }
  server->directory_ = pattern;
  if (geteuid() == 0) {
    const passwd* user = getpwnam("postgres");
    if (user == nullptr) {
      return make_error(ErrorKind::unavailable, "there is no user postgres; ./dev setup");
    }
    if (chown(pattern.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return make_error(ErrorKind::unavailable, "cannot give " + pattern + " to user postgres");
    }
  }
  const std::string data = pattern + "/data";
  const pid_t initdb = spawn({std::string(kBin) + "/initdb", "-D", data, "-U", "postgres", "-A",
                              "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                             pattern + "/initdb.log");
  int status = 0;
  waitpid(initdb, &status, 0);
  if (status != 0) {
    return make_error(ErrorKind::unavailable, "initdb failed, see " + pattern + "/initdb.log");
  }
  server->port_ = free_port(server->host_);
  std::ofstream conf(data + "/postgresql.conf", std::ios::app);
  conf << "listen_addresses = '" << server->host_ << "'\nport = " << server->port_
       << "\nunix_socket_directories = '" << pattern
       << "'\nfsync = off\naurora_global.region = 'test-region'\n"
       << settings << "\n";
  conf.close();
  TRY_VOID(server->launch());
  return server;
}

Result<void> Postgres::launch() {
  pid_ = spawn({std::string(kBin) + "/postgres", "-D", directory_ + "/data"},
               directory_ + "/postgres.log");
  const std::string conninfo = "host=" + host_ + " port=" + std::to_string(port_) +
                               " user=postgres dbname=postgres connect_timeout=2";
  const Deadline deadline = Deadline::in(kStartLimit);
  while (!deadline.passed()) {
    if (PQping(conninfo.c_str()) == PQPING_OK) return ok();
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      break;
    }
    std::this_thread::sleep_for(10ms);
  }
  return make_error(ErrorKind::unavailable,
                    "PostgreSQL did not start, see " + directory_ + "/postgres.log");
}

void Postgres::end(int signal) {
  if (pid_ <= 0) return;
  kill(pid_, signal);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
}

void Postgres::crash() { end(SIGQUIT); }

Result<void> Postgres::start_again() { return launch(); }

Parameters Postgres::parameters() const {
  return Parameters{{{"hostaddr", host_},
                     {"port", std::to_string(port_)},
                     {"user", "postgres"},
                     {"dbname", "postgres"},
                     {"sslmode", "disable"},
                     {"gssencmode", "disable"}}};
}

Postgres::~Postgres() {
  end(SIGQUIT);
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

}  // namespace aurora_global::pgclient::testing
