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
  add_api_stages(providers, context);
  add_apigateway(providers, context);
  add_cloudwatch(providers, context);
  add_custom(providers, context);
  add_ec2(providers, context);
  add_identities(providers, context);
  add_kms(providers, context);
  add_lambda(providers, context);
  add_logs(providers, context);
  add_rds(providers, context);
  add_s3(providers, context);
  add_secretsmanager(providers, context);
  add_sqs(providers, context);
  add_ssm(providers, context);
  return providers;
}

// Providers that are only asked for their tables.
namespace {

class Tables {
 public:
  const Providers& providers() const { return providers_; }

 private:
  NoServices services_;
  NoStore store_;
  Records records_{store_};
  Nowhere nowhere_;
  Providers providers_ =
      all_providers({.services = services_, .records = &records_, .elsewhere = &nowhere_});
};

}  // namespace

std::string type_document() {
  const Tables tables;
  return document_of(tables.providers().tables());
}

bool is_recorded_only(std::string_view type) {
  static const Tables kTables;
  const Provider* provider = kTables.providers().find(type);
  return provider != nullptr && provider->table().recorded_only;
}

}  // namespace aurora_global::services::cloudformation
