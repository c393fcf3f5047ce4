// Every resource type that a stack may have here.
#pragma once

#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

Providers all_providers(const ProviderContext& context);

// What they take, as a document: the end of docs/reference/cloudformation.md.
std::string type_document();
// A resource of the type is nothing but its record; false for one that is not known.
bool is_recorded_only(std::string_view type);

// A family of types each; a file of this folder.
void add_api_stages(Providers& providers, const ProviderContext& context);
void add_apigateway(Providers& providers, const ProviderContext& context);
void add_cloudwatch(Providers& providers, const ProviderContext& context);
void add_custom(Providers& providers, const ProviderContext& context);
void add_ec2(Providers& providers, const ProviderContext& context);
void add_identities(Providers& providers, const ProviderContext& context);
void add_kms(Providers& providers, const ProviderContext& context);
void add_lambda(Providers& providers, const ProviderContext& context);
void add_logs(Providers& providers, const ProviderContext& context);
void add_rds(Providers& providers, const ProviderContext& context);
void add_s3(Providers& providers, const ProviderContext& context);
void add_secretsmanager(Providers& providers, const ProviderContext& context);
void add_sqs(Providers& providers, const ProviderContext& context);
void add_ssm(Providers& providers, const ProviderContext& context);

}  // namespace aurora_global::services::cloudformation
