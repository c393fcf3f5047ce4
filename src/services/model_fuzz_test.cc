// Goal: whatever a client sends, the API answers, and in the protocol that it was asked in: no
// exception, no 5xx, nothing that an SDK's parser would refuse.
//
// Method: requests grown from AWS's models, most of them spoilt afterwards, against every service
// over a region without PostgreSQL. AURORA_GLOBAL_FUZZ_REQUESTS and AURORA_GLOBAL_FUZZ_SEED make
// longer runs with other requests of it (`./dev soak fuzz`).
#include <gtest/gtest.h>

#include <pugixml.hpp>

#include "services/testing/request_maker.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;
using testing::FakeRegion;
using testing::RequestMaker;

// What ends the run at once: it has found something.
constexpr int kFailuresShown = 10;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class MemoryStore final : public region::Store {
 public:
  Result<std::vector<Document>> load() override { return std::vector<Document>(); }
  net::Task<Result<void>> put(std::vector<Document>, std::vector<std::string>) override {
    co_return ok();
  }
  net::Task<Result<void>> forget() override { co_return ok(); }
  net::Task<Result<void>> add_event(model::Event) override { co_return ok(); }
  net::Task<Result<std::vector<model::Event>>> events(WallTime, WallTime) override {
    co_return std::vector<model::Event>();
  }
};

// Why an SDK could not read this answer; "" if it can.
std::string flaw_in(Wire wire, const std::string& method, const net::HttpResponse& answer) {
  const bool unserved = wire == Wire::xml && answer.status == 501;
  if (answer.status >= 500 && !unserved) return "status " + std::to_string(answer.status);
  if (!net::is_fit(answer)) return "the answer is no HTTP";
  const char* id = wire == Wire::xml ? "x-amz-request-id" : "x-amzn-RequestId";
  if (net::header_value(answer.headers, id).empty()) return "there is no id";
  const bool failed = answer.status >= 400;
  if (wire == Wire::query || wire == Wire::ec2 || wire == Wire::xml) {
    // An object's content is whatever was put, and many answers of S3 have no body.
    const bool xml = net::header_value(answer.headers, "Content-Type").ends_with("/xml");
    if (wire == Wire::xml && (!xml || answer.body.empty())) {
      return failed && method != "HEAD" ? "no document" : "";
    }
    pugi::xml_document document;
    const auto parsed = document.load_buffer(answer.body.data(), answer.body.size());
    if (!parsed) return std::string("no XML: ") + parsed.description();
    const char* error = wire == Wire::query ? "ErrorResponse/Error/Code"
                        : wire == Wire::ec2 ? "Response/Errors/Error/Code"
                                            : "Error/Code";
    if (failed && !document.first_element_by_path(error)) return "no Code";
    return "";
  }
  if (answer.status == 204 || answer.status == 202) return "";
  json document;
  if (wire == Wire::cbor) {
    const auto read = awsapi::read_cbor(answer.body);
    if (read.has_error()) return "no CBOR";
    document = *read;
  } else {
    document = json::parse(answer.body, nullptr, false);
  }
  if (!document.is_object()) return "no document";
  const bool told = wire == Wire::rest
                        ? !net::header_value(answer.headers, "x-amzn-ErrorType").empty()
                        : document.contains("__type");
  return failed && !told ? "no type of the error" : "";
}

TEST(ModelFuzz, EveryRequestIsAnsweredInItsProtocol) {
  const auto requests = from_environment("AURORA_GLOBAL_FUZZ_REQUESTS", 3000);
  const auto seed = from_environment("AURORA_GLOBAL_FUZZ_SEED", 1);
  char place[] = "/tmp/aurora-global-fuzz-XXXXXX";
  const std::filesystem::path home = mkdtemp(place);
  std::map<int, std::uint64_t> statuses;
  std::map<std::string, std::uint64_t> succeeded;
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    FakeRegion region;
    MemoryStore store;
    SystemClock clock;
    const auto vault = *region::Vault::open(home / "root.key");
    region::KeyRing keys(tasks.executor(), store, vault, clock, RegionId{"us-east-1"},
                         "123456789012");
    region.key_ring = &keys;
    ApiOptions options{home, "127.0.1.1:4566", {FakeRegion::kKey, FakeRegion::kSecret}};
    auto server = ApiServer::open(tasks.executor(), region, std::move(options));
    const auto handler = (*server)->handler();
    Rng rng(seed);
    RequestMaker maker(rng);
    static constexpr const char* kServices[] = {
        "rds", "lambda", "apigateway",     "sqs", "monitoring", "logs", "secretsmanager",
        "kms", "sts",    "cloudformation", "ssm", "s3",         "iam",  "ec2"};
    int failures = 0;
    for (std::uint64_t i = 0; i < requests && failures < kFailuresShown; ++i) {
      auto made = maker.make(kServices[rng.below(std::size(kServices))]);
      const net::HttpRequest sent = made.request;
      auto handling = handler(std::move(made.request));
      const net::HttpResponse answer = co_await std::move(handling);
      ++statuses[answer.status];
      if (answer.status < 300) ++succeeded[made.operation];
      const std::string flaw = flaw_in(made.wire, sent.method, answer);
      if (flaw.empty()) continue;
      ++failures;
      ADD_FAILURE() << "request " << i << " of seed " << seed << ", " << made.operation << ": "
                    << flaw << "\n"
                    << answer.body.substr(0, 500) << "\nwas asked: " << sent.method << " "
                    << sent.target << "\n"
                    << sent.body.substr(0, 1000);
    }
    co_await (*server)->stop();
  });
  std::filesystem::remove_all(home);
  for (const auto& [status, count] : statuses) {
    std::printf("  %d: %llu\n", status, static_cast<unsigned long long>(count));
  }
  std::printf("  operations that succeeded at least once: %zu\n", succeeded.size());
  EXPECT_GT(statuses[200], requests / 50);  // Not everything is refused at the door.
}

}  // namespace
}  // namespace aurora_global::services
