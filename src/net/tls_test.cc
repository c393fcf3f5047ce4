// Goal: only the right certificate opens the door, in both directions.
#include "net/tls.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "net/testing/address.h"
#include "net/testing/run.h"

namespace aurora_global::net {
namespace {

using testing::own_address;
using testing::run;
using namespace std::chrono_literals;

// Two issuers, as on a platform, and a directory with every certificate as a file.
class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/aurora-global-tls-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    const KeyPair servers = *make_issuer("servers");
    const KeyPair clients = *make_issuer("clients");
    keep("servers", servers);
    keep("clients", clients);
    keep("server", *issue_server(servers, "us-east-1", {"us-east-1.test"}, {"127.0.1.1"}));
    keep("client", *issue_client(clients, "region:us-west-2"));
    keep("stranger", *issue_client(*make_issuer("clients"), "region:us-west-2"));
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void keep(const std::string& name, const KeyPair& pair) {
    std::ofstream(certificate(name)) << pair.certificate_pem;
    std::ofstream(key(name)) << pair.private_key_pem;
  }
  std::filesystem::path certificate(const std::string& name) const {
    return directory_ / (name + ".crt");
  }
  std::filesystem::path key(const std::string& name) const { return directory_ / (name + ".key"); }

  // What a client that shows `shown` and expects `server_name` gets to hear: the name the server
  // knows it by, or the kind of the error.
  std::string talk(const std::string& shown, const std::string& server_name,
                   const std::string& trusted = "servers") {
    std::string heard;
    run([&](TaskGroup& tasks) -> Task<void> {
      auto tls = server_tls(certificate("server"), key("server"), certificate("clients"));
      CO_ASSERT_OK(tls);
      const auto name_back = [](HttpRequest request) -> Task<HttpResponse> {
        HttpResponse response;
        response.body = request.client_name;
        co_return response;
      };
      auto server = HttpServer::listen(tasks, own_address(20), name_back, *tls);
      CO_ASSERT_OK(server);
      auto mine = client_tls(certificate(shown), key(shown), certificate(trusted));
      CO_ASSERT_OK(mine);
      HttpClient client(tasks.executor(), own_address(20), *mine, server_name);
      HttpRequest request;
      request.method = "GET";
      request.target = "/";
      const auto answer = co_await client.request(request, Deadline::in(20s));
      heard = answer.has_value() ? answer->body : std::string(name_of(answer.error().kind));
    });
    return heard;
  }

  // Whether `openssl verify` takes the certificate for the purpose.
  bool verifies(const std::string& issuer, const std::string& purpose, const std::string& name) {
    const std::string command = "openssl verify -x509_strict -purpose " + purpose + " -CAfile " +
                                certificate(issuer).string() + " " + certificate(name).string() +
                                " >" + (directory_ / "out").string() + " 2>&1";
    return std::system(command.c_str()) == 0;
  }

  std::filesystem::path directory_;
};

TEST_F(Tls, OnePortTakesBothWhereItShall) {
  run([&](TaskGroup& tasks) -> Task<void> {
    auto tls = server_tls(certificate("server"), key("server"));
    CO_ASSERT_OK(tls);
    const auto say = [](HttpRequest request) -> Task<HttpResponse> {
      HttpResponse response;
      response.body = request.target;
      co_return response;
    };
    auto server = HttpServer::listen(tasks, own_address(21), say, HttpServing{*tls, true, 100, {}});
    CO_ASSERT_OK(server);
    auto trusting = client_tls(certificate("servers"));
    CO_ASSERT_OK(trusting);
    HttpClient plain(tasks.executor(), own_address(21));
    HttpClient secure(tasks.executor(), own_address(21), *trusting, "127.0.1.1");
    HttpClient other(tasks.executor(), own_address(21), *trusting, "another.test");
    HttpRequest request;
    request.method = "GET";
    request.target = "/said";
    for (HttpClient* client : {&plain, &secure}) {
      const auto answer = co_await client->request(request, Deadline::in(20s));
      CO_ASSERT_OK(answer);
      EXPECT_EQ(answer->body, "/said");
    }
    const auto refused = co_await other.request(request, Deadline::in(20s));
    EXPECT_TRUE(refused.has_error());
  });
}

TEST_F(Tls, BothSidesKnowEachOther) {
  EXPECT_EQ(talk("client", "us-east-1.test"), "region:us-west-2");
  EXPECT_EQ(talk("client", "127.0.1.1"), "region:us-west-2");
}

TEST_F(Tls, AServerOfAnotherNameIsRefused) {
  EXPECT_EQ(talk("client", "us-west-2.test"), "denied");
  EXPECT_EQ(talk("client", "127.0.2.1"), "denied");
}

TEST_F(Tls, AServerOfAnotherIssuerIsRefused) {
  EXPECT_EQ(talk("client", "us-east-1.test", "clients"), "denied");
}

TEST_F(Tls, AClientOfAnotherIssuerIsRefused) {
  EXPECT_EQ(talk("stranger", "us-east-1.test"), "denied");
}

TEST_F(Tls, AServersCertificateLogsInNowhere) {
  EXPECT_EQ(talk("server", "us-east-1.test"), "denied");
}

TEST_F(Tls, CertificatesServeTheirPurposeOnly) {
  EXPECT_TRUE(verifies("servers", "sslserver", "server"));
  EXPECT_TRUE(verifies("clients", "sslclient", "client"));
  EXPECT_FALSE(verifies("servers", "sslclient", "server"));
  EXPECT_FALSE(verifies("clients", "sslserver", "client"));
  EXPECT_FALSE(verifies("clients", "sslserver", "server"));
}

TEST_F(Tls, AFileThatCannotBeUsedIsNamed) {
  const auto missing = server_tls(certificate("none"), key("server"), certificate("clients"));
  ASSERT_TRUE(missing.has_error());
  EXPECT_NE(missing.error().message.find("none.crt"), std::string::npos);
  const auto mixed = server_tls(certificate("server"), key("client"), certificate("clients"));
  ASSERT_TRUE(mixed.has_error());
  EXPECT_EQ(mixed.error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace aurora_global::net
