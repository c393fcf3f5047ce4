#include "services/cloudformation/providers/all.h"

#include "services/cloudformation/recorded.h"

namespace aurora_global::services::cloudformation {
namespace {

// Nobody is asked for tables.
class NoServices final : public ServiceCaller {
 public:
  net::Task<Result<nlohmann::json>> call(std::string, std::string, nlohmann::json) override {
    co_return make_error(ErrorKind::internal, "there are no services");
  }
};

class NoStore final : public Store {
 public:
  net::Task<Result<void>> write(Write) override { co_return ok(); }
  net::Task<Result<std::optional<std::string>>> read(std::string) override {
    co_return std::optional<std::string>();
  }
  net::Task<Result<std::vector<StoredEvent>>> events(std::string, std::int64_t, int) override {
    co_return std::vector<StoredEvent>();
  }
};

class Nowhere final : public Elsewhere {
 public:
  net::Task<Result<bool>> has(std::string) override { co_return false; }
};

}  // namespace

Providers all_providers(const ProviderContext& context) {
  Providers providers;
  add_ec2(providers, context);
  add_identities(providers, context);
  add_s3(providers, context);
  add_ssm(providers, context);
  return providers;
}

std::string type_document() {
  NoServices services;
  NoStore store;
  Records records(store);
  Nowhere nowhere;
  return document_of(all_providers({services, &records, &nowhere}).tables());
}

}  // namespace aurora_global::services::cloudformation
