// Requests grown from AWS's models: valid by the model, or spoilt afterwards. Seeded.
#pragma once

#include <zlib.h>

#include <nlohmann/json.hpp>

#include "awsapi/cbor.h"
#include "awsapi/query.h"
#include "awsapi/service_model.h"
#include "base/base64.h"
#include "base/rng.h"
#include "services/call.h"
#include "services/testing/call.h"

namespace aurora_global::services::testing {

class RequestMaker {
 public:
  explicit RequestMaker(Rng& rng) : rng_(rng) {}

  struct Made {
    net::HttpRequest request;
    Wire wire = Wire::query;
    std::string operation;
  };

  // One call of a random operation of `service`.
  Made make(const std::string& service) {
    const auto& model = *awsapi::service_model(service);
    const auto& operation = model.operations[rng_.below(model.operations.size())];
    Made made;
    made.operation = service + "." + operation.name;
    nlohmann::json input = nlohmann::json::object();
    if (operation.input != nullptr) input = value(*operation.input, 0);
    for (std::uint64_t i = rng_.below(4); i > 1; --i) spoil(input, 0);
    made.wire = service == "lambda"                     ? Wire::rest
                : service == "apigateway"               ? Wire::rest
                : service == "s3"                       ? Wire::xml
                : service == "ec2"                      ? Wire::ec2
                : service == "iam"                      ? Wire::query
                : service == "rds" || service == "sts"  ? Wire::query
                : service == "cloudformation"           ? Wire::query
                : service == "sqs" && one_in(3)         ? Wire::query
                : service == "monitoring" && one_in(3)  ? Wire::query
                : service == "monitoring" && !one_in(3) ? Wire::cbor
                                                        : Wire::json;
    made.request = encode(model, operation, input, made.wire, service);
    return made;
  }

 private:
  bool one_in(std::uint64_t many) { return rng_.below(many) == 0; }

  std::string text(std::size_t most) {
    static const std::string_view kPieces[] = {"a",
                                               "B",
                                               "9",
                                               "-",
                                               "_",
                                               ".",
                                               "/",
                                               ":",
                                               " ",
                                               "us-east-1",
                                               "\n",
                                               "\t",
                                               "\xC3\xA4",
                                               "\"",
                                               "'",
                                               "<",
                                               "&",
                                               "%",
                                               "\\",
                                               "alias/",
                                               "arn:aws:",
                                               "my-global",
                                               "\xF0\x9F\x98\x80",
                                               "$LATEST"};
    std::string made;
    const std::size_t length = one_in(50) ? most : std::min<std::size_t>(most, rng_.below(12));
    while (made.size() < length) made += kPieces[rng_.below(std::size(kPieces))];
    return made;
  }

  nlohmann::json number(const awsapi::Shape& shape) {
    const double low = shape.min.value_or(0);
    const double high = shape.max.value_or(one_in(10) ? 9e15 : 1000);
    switch (rng_.below(6)) {
      case 0: return static_cast<std::int64_t>(low);
      case 1: return static_cast<std::int64_t>(high);
      case 2: return static_cast<std::int64_t>(low) - 1;
      case 3: return static_cast<std::int64_t>(high) + 1;
      default:
        return static_cast<std::int64_t>(low + rng_.unit() * (std::min(high, low + 1000) - low));
    }
  }

  nlohmann::json value(const awsapi::Shape& shape, int depth) {
    using awsapi::ShapeType;
    nlohmann::json made;
    switch (shape.type) {
      case ShapeType::structure:
        made = nlohmann::json::object();
        for (const auto& member : shape.members) {
          const bool wanted = member.required ? !one_in(30) : one_in(depth == 0 ? 4 : 2);
          if (wanted && depth < 8 && member.location != awsapi::Location::payload) {
            made[member.name] = value(*member.shape, depth + 1);
          }
        }
        return made;
      case ShapeType::list:
        made = nlohmann::json::array();
        for (std::uint64_t i = one_in(200) ? 300 : rng_.below(4); i > 0 && depth < 8; --i) {
          made.push_back(value(*shape.element, depth + 1));
        }
        return made;
      case ShapeType::map:
        made = nlohmann::json::object();
        for (std::uint64_t i = rng_.below(3); i > 0; --i) {
          made[text(20)] = value(*shape.element, depth + 1);
        }
        return made;
      case ShapeType::string:
        if (!shape.values.empty() && !one_in(20)) {
          return shape.values[rng_.below(shape.values.size())];
        }
        return known_or(
            text(static_cast<std::size_t>(std::min(shape.max.value_or(300), 70'000.0))));
      case ShapeType::blob: return base64(text(60));
      case ShapeType::boolean: return one_in(2);
      case ShapeType::integer: return number(shape);
      case ShapeType::floating:
        return one_in(3) ? nlohmann::json(rng_.unit() * 1e6) : number(shape);
      case ShapeType::timestamp:
        return 1'790'000'000 + static_cast<double>(rng_.below(100'000'000));
    }
    return made;
  }

  static constexpr std::string_view kTemplate = R"(
AWSTemplateFormatVersion: 2010-09-09
Metadata: {M: [1, "2"]}
Parameters: {P: {Type: String, Default: p, NoEcho: true, AllowedValues: [p, q]}}
Conditions: {C: !Equals [!Ref P, p]}
Resources: {R: {Type: AWS::IAM::Role, Condition: C, Properties: {RoleName: !Sub "${P}-r"}}}
Outputs: {O: {Value: !If [C, !GetAtt R.Arn, ""], Export: {Name: !Ref AWS::StackName}}}
)";

  // What the region has, so that requests also get beyond "not found".
  std::string known_or(std::string otherwise) {
    static const std::string_view kKnown[] = {"7",
                                              "-99",
                                              "b/-1",
                                              "f/7",
                                              "9223372036854775807",
                                              "my-global",
                                              "c",
                                              "c-1",
                                              "secret",
                                              "alias/k",
                                              "aurora-postgresql",
                                              "15.18",
                                              "us-west-2",
                                              "/aws/lambda/f",
                                              "Namespace/N",
                                              "Average",
                                              "p99",
                                              "rate",
                                              "username",
                                              "arn:aws:rds:us-east-1:123456789012:cluster:c",
                                              "{\"username\":\"u\",\"password\":\"p\"}",
                                              "{\"Resources\":{\"R\":{\"Type\":\"T\"}}}",
                                              kTemplate};
    return one_in(2) ? std::string(kKnown[rng_.below(std::size(kKnown))]) : otherwise;
  }

  // Another type, size or name somewhere in it.
  void spoil(nlohmann::json& at, int depth) {
    if ((at.is_object() || at.is_array()) && !at.empty() && depth < 6 && !one_in(4)) {
      auto child = at.begin();
      std::advance(child, static_cast<std::ptrdiff_t>(rng_.below(at.size())));
      return spoil(*child, depth + 1);
    }
    switch (rng_.below(12)) {
      case 0: at = nullptr; break;
      case 1: at = nlohmann::json::array(); break;
      case 2: at = nlohmann::json::object({{text(5), 1}}); break;
      case 3: at = -1; break;
      case 4: at = std::uint64_t{18446744073709551615u}; break;
      case 5: at = 1e308; break;
      case 6: at = std::string(rng_.below(100'000), 'x'); break;
      case 7: at = ""; break;
      case 8: at = true; break;
      case 9: at = text(30); break;
      case 10: at = nlohmann::json::array({at, at, nullptr}); break;
      default:
        if (at.is_object()) at[text(10)] = text(10);
    }
  }

  // The names and values of a form. What a form cannot say is left out.
  void flatten(const nlohmann::json& at, const awsapi::Shape* shape, const std::string& path,
               awsapi::Form& form) {
    const auto below = [&](const std::string& name) {
      return path.empty() ? name : path + "." + name;
    };
    if (at.is_object()) {
      int number = 0;
      for (const auto& [name, one] : at.items()) {
        const auto* member = shape == nullptr ? nullptr : shape->member(name);
        if (shape != nullptr && shape->type == awsapi::ShapeType::map) {
          const std::string entry = below("entry." + std::to_string(++number));
          form[entry + ".key"] = name;
          flatten(one, shape->element, entry + ".value", form);
        } else {
          flatten(one, member == nullptr ? nullptr : member->shape,
                  below(member == nullptr ? name : member->wire), form);
        }
      }
    } else if (at.is_array()) {
      const bool list = shape != nullptr && shape->element != nullptr;
      const std::string inner = list && !shape->flattened_in_forms ? shape->element_wire + "." : "";
      for (std::size_t i = 0; i < at.size(); ++i) {
        flatten(at[i], list ? shape->element : nullptr, below(inner + std::to_string(i + 1)), form);
      }
    } else if (!at.is_null()) {
      form[path] = at.is_string() ? at.get<std::string>() : at.dump();
    }
  }

  // A document by the members' names; what has no name in the model is written as it is.
  void write_document(awsapi::XmlWriter& xml, const nlohmann::json& at,
                      const awsapi::Shape* shape) {
    if (!at.is_object()) return;
    for (const auto& [name, one] : at.items()) {
      const auto* member = shape == nullptr ? nullptr : shape->member(name);
      const bool list = member != nullptr && member->shape->element != nullptr && one.is_array();
      const std::string wire = member == nullptr ? "Other" : member->wire;
      if (!list) {
        write_element(xml, wire, one, member == nullptr ? nullptr : member->shape);
        continue;
      }
      if (!member->shape->flattened) xml.open(wire);
      for (const auto& element : one) {
        write_element(xml, member->shape->flattened ? wire : member->shape->element_wire, element,
                      member->shape->element);
      }
      if (!member->shape->flattened) xml.close();
    }
  }
  void write_element(awsapi::XmlWriter& xml, const std::string& name, const nlohmann::json& value,
                     const awsapi::Shape* shape) {
    if (!value.is_object()) return xml.element(name, words(value));
    xml.open(name);
    write_document(xml, value, shape);
    xml.close();
  }
  static std::string words(const nlohmann::json& value) {
    return value.is_string() ? value.get<std::string>()
                             : value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }

  // Few names, so that requests meet what others have made.
  std::string s3_name(const std::string& label, const std::string& otherwise) {
    if (label == "Bucket" && !one_in(20)) return one_in(2) ? "assets" : "other-bucket";
    if (label == "Key" && !one_in(3)) return one_in(2) ? "key" : "dir/key";
    return otherwise;
  }

  void encode_rest_xml(const awsapi::OperationModel& operation, const nlohmann::json& input,
                       std::string& method, std::string& target, net::Headers& headers,
                       std::string& body) {
    method = operation.method;
    target = operation.path;
    std::string query;
    for (const auto& member : operation.input->members) {
      if (member.location == awsapi::Location::payload) {
        const bool bytes = member.shape->type == awsapi::ShapeType::blob;
        if (bytes || member.shape->type == awsapi::ShapeType::string) {
          body = bytes ? text(200) : known_or(text(40));
        } else if (!one_in(10)) {
          awsapi::XmlWriter xml(member.wire, "");
          auto made = value(*member.shape, 1);
          if (one_in(4)) spoil(made, 1);
          write_document(xml, made, member.shape);
          body = xml.finish();
        }
        continue;
      }
      const auto given = input.find(member.name);
      const std::string said = given == input.end() ? "" : words(*given);
      if (member.location == awsapi::Location::label) {
        const bool greedy = target.find("{" + member.wire + "+}") != std::string::npos;
        const std::string label = "{" + member.wire + (greedy ? "+}" : "}");
        const auto at = target.find(label);
        if (at != std::string::npos) {
          target.replace(at, label.size(), awsapi::percent_encode(s3_name(member.wire, said)));
        }
      } else if (given == input.end()) {
        continue;
      } else if (member.location == awsapi::Location::query) {
        query += "&" + member.wire + "=" + awsapi::percent_encode(said);
      } else if (said.find_first_of("\r\n") == std::string::npos && one_in(3)) {
        headers.emplace_back(
            member.location == awsapi::Location::headers ? member.wire + "a" : member.wire, said);
      }
    }
    if (!query.empty() && target.find('?') == std::string::npos) query[0] = '?';
    target += query;
  }

  static std::string gzip(const std::string& plain) {
    z_stream stream{};
    deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string packed(deflateBound(&stream, static_cast<uLong>(plain.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    deflate(&stream, Z_FINISH);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
  }

  void damage(std::string& body) {
    for (std::uint64_t i = rng_.below(4); i > 0 && !body.empty(); --i) {
      switch (rng_.below(4)) {
        case 0: body.resize(rng_.below(body.size() + 1)); break;
        case 1: body[rng_.below(body.size())] = static_cast<char>(rng_.below(256)); break;
        case 2: body.insert(rng_.below(body.size()), 1, static_cast<char>(rng_.below(256))); break;
        default: body += body.substr(rng_.below(body.size()));
      }
      if (body.size() > 1'000'000) body.resize(1'000'000);
    }
  }

  net::HttpRequest encode(const awsapi::ServiceModel& model,
                          const awsapi::OperationModel& operation, const nlohmann::json& input,
                          Wire wire, const std::string& service) {
    std::string method = "POST", target = "/", body;
    net::Headers headers;
    const auto dump = [](const nlohmann::json& one) {
      return one.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    if (wire == Wire::xml) {
      encode_rest_xml(operation, input, method, target, headers, body);
    } else if (wire == Wire::query || wire == Wire::ec2) {
      awsapi::Form form;
      flatten(input, operation.input, "", form);
      form["Action"] = operation.name;
      if (!one_in(20)) form["Version"] = model.version;
      body = awsapi::encode_form(form);
    } else if (wire == Wire::json) {
      headers.emplace_back("Content-Type", "application/x-amz-json-1.1");
      headers.emplace_back("X-Amz-Target", model.target + "." + operation.name);
      body = dump(input);
    } else if (wire == Wire::cbor) {
      target = "/service/" + model.target + "/operation/" + operation.name;
      headers.emplace_back("Content-Type", "application/cbor");
      headers.emplace_back("smithy-protocol", "rpc-v2-cbor");
      body = awsapi::write_cbor(operation.input, input);
    } else {
      method = operation.method;
      target = operation.path;
      std::string query;
      for (const auto& member : operation.input->members) {
        const auto given = input.find(member.name);
        if (given == input.end()) continue;
        const std::string words = given->is_string() ? given->get<std::string>() : dump(*given);
        if (member.location == awsapi::Location::query) {
          query += (query.empty() ? "?" : "&") + member.wire + "=" + awsapi::percent_encode(words);
        } else if (member.location == awsapi::Location::header &&
                   words.find_first_of("\r\n") == std::string::npos) {
          headers.emplace_back(member.wire, words);
        } else if (member.location == awsapi::Location::label) {
          const std::string label = "{" + member.wire + "}";
          const auto at = target.find(label);
          if (at != std::string::npos) {
            target.replace(at, label.size(), awsapi::percent_encode(words));
          }
        }
      }
      target += query;
      body = one_in(2) ? dump(input) : "";
    }
    if (one_in(6)) damage(body);
    if (wire != Wire::xml && one_in(10)) {
      body = gzip(body);
      headers.emplace_back("Content-Encoding", one_in(10) ? "br" : "gzip");
      if (one_in(4)) damage(body);
    }
    auto request = signed_request(method, target, body, service);
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    return request;
  }

  Rng& rng_;
};

}  // namespace aurora_global::services::testing
