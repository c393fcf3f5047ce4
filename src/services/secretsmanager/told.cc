#include "services/secretsmanager/told.h"

#include <algorithm>

namespace aurora_global::services::secretsmanager {

double now_seconds() {
  const auto now = SystemClock().wall_now().time_since_epoch();
  return static_cast<double>(now.count()) / 1e6;
}

Error refuse(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

Error not_found() {
  return make_error(ErrorKind::not_found, "Secrets Manager can't find the specified secret.",
                    "ResourceNotFoundException");
}

std::string own_arn(const Region& region, const SecretDocument& document) {
  const std::string arn = document.about.value("arn", "");
  // "arn:aws:secretsmanager:<region>:<account>:secret:<name>-<random>"
  const auto rest = arn.find(':', std::string_view("arn:aws:secretsmanager:").size());
  return "arn:aws:secretsmanager:" + region.facts().region.name +
         (rest == std::string::npos ? "" : arn.substr(rest));
}

Result<Told> told_of(Region& region, const std::string& name) {
  TRY(const std::string about, region.about_secret(name));
  TRY(SecretDocument document, SecretDocument::of(region::Secret{about, "{}", {}}));
  std::string arn = own_arn(region, document);
  return Told{name, std::move(document), std::move(arn)};
}

bool is_gone(const SecretDocument& document) {
  const double due = document.about.value("deletion", 0.0);
  return document.about.value("gone", false) || (due > 0 && due <= now_seconds());
}

bool is_deleted(const SecretDocument& document) {
  return document.about.contains("deletion") || is_gone(document);
}

Result<Told> find_any(Region& region, const std::string& id) {
  for (const std::string& name : region.secret_names()) {
    auto told = told_of(region, name);
    if (told.has_error() || is_gone(told->document)) continue;
    const std::string& arn = told->arn;
    if (id == name || id == arn || (arn.size() > 7 && id == arn.substr(0, arn.size() - 7))) {
      return told;
    }
  }
  return not_found();
}

Result<Told> find(Region& region, const std::string& id) {
  TRY(Told told, find_any(region, id));
  if (!is_deleted(told.document)) return told;
  return refuse("InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for "
                "deletion.");
}

namespace {

Error key_trouble(const Error& error, const char* code, const char* sentence) {
  static constexpr std::string_view kKms[] = {"DisabledException", "KMSInvalidStateException",
                                              "NotFoundException", "InvalidCiphertextException",
                                              "AccessDeniedException"};
  if (std::find(std::begin(kKms), std::end(kKms), error.code) == std::end(kKms)) return error;
  return make_error(error.kind, std::string(sentence) + ": " + error.message, code);
}

}  // namespace

Error cannot_decrypt(const Error& error) {
  return key_trouble(error, "DecryptionFailure",
                     "Secrets Manager can't decrypt the protected secret text using the provided "
                     "KMS key");
}

Error cannot_encrypt(const Error& error) {
  return key_trouble(error, "EncryptionFailure",
                     "Secrets Manager can't encrypt the protected secret text using the provided "
                     "KMS key");
}

namespace {

region::SecretEdit whole(DocumentEdit edit) {
  return [edit = std::move(edit)](std::optional<region::Secret> secret) -> EditedSecret {
    if (!secret) return not_found();
    TRY(SecretDocument document, SecretDocument::of(*secret));
    TRY(const bool changed, edit(document));
    if (!changed) return std::optional<region::Secret>();
    return document.secret();
  };
}

}  // namespace

net::Task<Result<void>> change(Region& region, std::string name, DocumentEdit edit) {
  // Who cannot read the values cannot seal them anew either.
  if (const auto values = region.secret_values(name); values.has_error()) {
    co_return cannot_decrypt(values.error());
  }
  const auto changed = co_await region.update_secret(std::move(name), whole(std::move(edit)));
  if (changed.has_error()) co_return cannot_encrypt(changed.error());
  co_return ok();
}

net::Task<Result<void>> change_about(Region& region, std::string name, DocumentEdit edit) {
  const auto changed = co_await region.update_about_secret(std::move(name), whole(std::move(edit)));
  if (changed.has_error()) co_return cannot_encrypt(changed.error());
  co_return ok();
}

}  // namespace aurora_global::services::secretsmanager
