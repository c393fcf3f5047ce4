// The AWS Query protocol: form-encoded requests, XML answers. Pure.
//
// Source: the RDS API model 2014-10-31 (service-2.json, protocol "query").
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace aurora_global::awsapi {

// More than any legal request has in a body's bytes: 1,000 data of CloudWatch of 100 values and
// counts each, whose names have 40 bytes.
inline constexpr std::size_t kFormFieldsMax = 205'000;
inline constexpr std::string_view kRdsVersion = "2014-10-31";
inline constexpr std::string_view kRdsNamespace = "http://rds.amazonaws.com/doc/2014-10-31/";

using Form = std::map<std::string, std::string>;

// "a=1&b=2", with + for space. Fails with `invalid` for over kFormFieldsMax fields and for text
// that is no UTF-8 or has a NUL in it.
using FormPairs = std::vector<std::pair<std::string, std::string>>;
Result<FormPairs> parse_pairs(std::string_view body);
// The same, which also fails for a field that is given twice.
Result<Form> parse_form(std::string_view body);
Error given_twice(const std::string& name);
std::string encode_form(const Form& form);

// Writes XML, escaped, without white space between elements. Any bytes make a well-formed document:
// what XML cannot carry becomes `?` or U+FFFD.
class XmlWriter {
 public:
  explicit XmlWriter(std::string_view root, std::string_view xmlns);
  void open(std::string_view name);
  void close();
  void element(std::string_view name, std::string_view text);
  void element(std::string_view name, const char* text) { element(name, std::string_view(text)); }
  void element(std::string_view name, bool value) { element(name, value ? "true" : "false"); }
  void element(std::string_view name, int value) { element(name, std::to_string(value)); }
  void element(std::string_view name, double value);
  void empty(std::string_view name);
  // Closes what is open and returns the document.
  std::string finish();

 private:
  std::string text_;
  std::vector<std::string> open_;
};

// The HTTP status that belongs to an AWS error code; 400 for one that is not in the list.
int http_status_of(std::string_view code);
// The code for an error that carries none, by its kind.
std::string code_of(const Error& error);
// <ErrorResponse> as the Query protocol has it.
std::string error_document(std::string_view code, std::string_view message,
                           std::string_view request_id, std::string_view xmlns = kRdsNamespace);

}  // namespace aurora_global::awsapi
