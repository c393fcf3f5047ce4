#include "awsapi/query.h"

#include <algorithm>
#include <cstdio>

#include "awsapi/http_message.h"

namespace aurora_global::awsapi {
namespace {

std::string unplus(std::string_view text) {
  std::string out(text);
  std::replace(out.begin(), out.end(), '+', ' ');
  return out.find('%') == out.npos ? out : percent_decode(out);
}

void escape_character(std::string& out, char c) {
  switch (c) {
    case '&': out += "&amp;"; return;
    case '<': out += "&lt;"; return;
    case '>': out += "&gt;"; return;
    case '"': out += "&quot;"; return;
    case '\r': out += "&#13;"; return;
    default:
      // Control characters have no place in XML 1.0, not even escaped.
      out += (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') ? '?' : c;
  }
}

void escape(std::string& out, std::string_view text) {
  const std::string whole = as_utf8(text);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    const std::string_view next = std::string_view(whole).substr(i, 3);
    // U+FFFE and U+FFFF are no characters of XML 1.0.
    if (next == "\xEF\xBF\xBE" || next == "\xEF\xBF\xBF") {
      out += "\xEF\xBF\xBD";
      i += 2;
    } else {
      escape_character(out, whole[i]);
    }
  }
}

}  // namespace

Result<FormPairs> parse_pairs(std::string_view body) {
  // Before any of them is stored.
  if (std::count(body.begin(), body.end(), '&') >= static_cast<std::ptrdiff_t>(kFormFieldsMax)) {
    return make_error(ErrorKind::invalid,
                      "More than " + std::to_string(kFormFieldsMax) + " parameters",
                      "InvalidParameterValue");
  }
  FormPairs pairs;
  while (!body.empty()) {
    const auto end = std::min(body.find('&'), body.size());
    const std::string_view part = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (part.empty()) continue;
    const auto equals = part.find('=');
    std::string name = unplus(part.substr(0, equals));
    std::string value = equals == std::string_view::npos ? "" : unplus(part.substr(equals + 1));
    if (!is_valid_utf8(name) || !is_valid_utf8(value) || value.find('\0') != std::string::npos) {
      return make_error(ErrorKind::invalid,
                        "The parameter " + name + " is no UTF-8 text without NUL characters",
                        "InvalidParameterValue");
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

Error given_twice(const std::string& name) {
  return make_error(ErrorKind::invalid, "The parameter " + name + " is given twice",
                    "InvalidParameterCombination");
}

Result<Form> parse_form(std::string_view body) {
  TRY(FormPairs pairs, parse_pairs(body));
  Form form;
  Form::iterator last = form.end();
  for (auto& [name, value] : pairs) {
    // Most belong behind the one before them.
    const std::size_t before = form.size();
    const auto hint = last == form.end() ? last : std::next(last);
    last = form.try_emplace(hint, std::move(name), std::move(value));
    if (form.size() == before) return given_twice(last->first);
  }
  return form;
}

std::string encode_form(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    out += (out.empty() ? "" : "&") + percent_encode(name) + "=" + percent_encode(value);
  }
  return out;
}

XmlWriter::XmlWriter(std::string_view root, std::string_view xmlns) {
  text_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<";
  text_.append(root);
  if (!xmlns.empty()) text_.append(" xmlns=\"").append(xmlns).append("\"");
  text_ += '>';
  open_.emplace_back(root);
}

void XmlWriter::open(std::string_view name) {
  text_.append("<").append(name).append(">");
  open_.emplace_back(name);
}

void XmlWriter::close() {
  text_.append("</").append(open_.back()).append(">");
  open_.pop_back();
}

void XmlWriter::element(std::string_view name, std::string_view text) {
  open(name);
  escape(text_, text);
  close();
}

void XmlWriter::element(std::string_view name, double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  element(name, text);
}

void XmlWriter::empty(std::string_view name) { text_.append("<").append(name).append("/>"); }

std::string XmlWriter::finish() {
  while (!open_.empty()) close();
  return std::move(text_);
}

int http_status_of(std::string_view code) {
  static constexpr std::pair<std::string_view, int> kStatuses[] = {
      {"DBClusterNotFoundFault", 404},      {"DBInstanceNotFound", 404},
      {"GlobalClusterNotFoundFault", 404},  {"ResourceNotFoundFault", 404},
      {"DBClusterQuotaExceededFault", 403}, {"SignatureDoesNotMatch", 403},
      {"InvalidClientTokenId", 403},        {"ExpiredToken", 403},
      {"MissingAuthenticationToken", 403},  {"AccessDenied", 403},
      {"RequestTooLargeException", 413},    {"TooManyRequestsException", 429},
      {"ServiceUnavailable", 503},          {"InternalFailure", 500},
  };
  for (const auto& [name, status] : kStatuses) {
    if (name == code) return status;
  }
  return 400;
}

std::string code_of(const Error& error) {
  if (!error.code.empty()) return error.code;
  switch (error.kind) {
    case ErrorKind::invalid: return "InvalidParameterValue";
    case ErrorKind::not_found: return "ResourceNotFoundFault";
    case ErrorKind::denied: return "AccessDenied";
    case ErrorKind::conflict:
    case ErrorKind::superseded:
    case ErrorKind::data_loss_refused: return "InvalidDBClusterStateFault";
    case ErrorKind::timeout:
    case ErrorKind::cancelled:
    case ErrorKind::unavailable:
    case ErrorKind::exhausted: return "ServiceUnavailable";
    case ErrorKind::corrupt:
    case ErrorKind::internal: return "InternalFailure";
  }
  return "InternalFailure";
}

std::string error_document(std::string_view code, std::string_view message,
                           std::string_view request_id, std::string_view xmlns) {
  XmlWriter xml("ErrorResponse", xmlns);
  xml.open("Error");
  xml.element("Type", http_status_of(code) >= 500 ? "Receiver" : "Sender");
  xml.element("Code", code);
  xml.element("Message", message);
  xml.close();
  xml.element("RequestId", request_id);
  return xml.finish();
}

}  // namespace aurora_global::awsapi
