// How the operations of Secrets Manager find a secret and change it.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "region/region.h"
#include "region/secret_document.h"
#include "services/json_protocol.h"

namespace aurora_global::services::secretsmanager {

using nlohmann::json;
using region::EditedSecret;
using region::kCurrent;
using region::Region;
using region::SecretDocument;
using Answer = net::Task<Result<json>>;

double now_seconds();
Error refuse(std::string code, std::string message);
// ResourceNotFoundException.
Error not_found();
// Of the region that answers: a replica has the ARN of its own.
std::string own_arn(const Region& region, const SecretDocument& document);

// What is told of a secret; its values are sealed by a key and read only where they are needed.
struct Told {
  std::string name;
  SecretDocument document;
  std::string arn;
};

Result<Told> told_of(Region& region, const std::string& name);
// By name, ARN, or ARN without its random end. Fails for one that is deleted; `find` also for one
// that waits for its deletion, with InvalidRequestException.
Result<Told> find_any(Region& region, const std::string& id);
Result<Told> find(Region& region, const std::string& id);

// Where a deletion is due is nothing any more, and its name is free.
bool is_gone(const SecretDocument& document);
bool is_deleted(const SecretDocument& document);

// An error of KMS is the caller's to mend, and has Secrets Manager's name for it.
Error cannot_decrypt(const Error& error);
Error cannot_encrypt(const Error& error);

using DocumentEdit = std::function<Result<bool>(SecretDocument&)>;  // Whether anything changed.
// Changes a secret that is there: `edit` sees all of it.
net::Task<Result<void>> change(Region& region, std::string name, DocumentEdit edit);
// Changes what is told of a secret, for which nobody needs its key.
net::Task<Result<void>> change_about(Region& region, std::string name, DocumentEdit edit);

// The keys that a request names for replicas, and the regions of these.
struct Replicas {
  std::map<std::string, std::string> keys;
  std::vector<std::string> regions;
};
Replicas replicas_in(const Region& region, Members& members);
// Adds to the regions that are told as replicas.
void note_replicas(SecretDocument& document, const Replicas& replicas);
json replication_status(const SecretDocument& document);

// ---- operations, by file
Answer get_random_password(Region& region, Members members);
Answer delete_secret(Region& region, Members members);
Answer restore_secret(Region& region, Members members);
Answer replicate_secret_to_regions(Region& region, Members members);
Answer remove_regions_from_replication(Region& region, Members members);
Answer put_resource_policy(Region& region, Members members);
Answer get_resource_policy(Region& region, Members members);
Answer delete_resource_policy(Region& region, Members members);
Answer validate_resource_policy(Region& region, Members members);

}  // namespace aurora_global::services::secretsmanager
