#include "awsapi/cbor.h"

#include <bit>
#include <cmath>

#include "awsapi/http_message.h"
#include "base/base64.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

enum Major : std::uint8_t { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kSimple };
constexpr std::uint8_t kIndefinite = 31;
constexpr std::uint64_t kEpochTag = 1;

Error malformed(const char* what) {
  return make_error(ErrorKind::invalid,
                    std::string("The request body is no CBOR document: ") + what,
                    "SerializationException");
}

double half_float(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int mantissa = bits & 0x3FF;
  double value = 0;
  if (exponent == 0) {
    value = std::ldexp(mantissa, -24);
  } else if (exponent == 31) {
    value = mantissa == 0 ? INFINITY : NAN;
  } else {
    value = std::ldexp(mantissa + 1024, exponent - 25);
  }
  return (bits & 0x8000) != 0 ? -value : value;
}

class CborReader {
 public:
  explicit CborReader(std::string_view bytes) : rest_(bytes) {}

  Result<json> document() {
    TRY(json value, item(0));
    if (!rest_.empty()) return malformed("bytes follow it");
    return value;
  }

 private:
  struct Head {
    std::uint8_t major, info;
    std::uint64_t argument;
  };

  // Each costs something, whatever it begins: a value, a key, a tag, a piece of a text.
  Result<Head> head() {
    if (++heads_ > kJsonValuesMax) return malformed("it has too many values");
    if (rest_.empty()) return malformed("it breaks off");
    const auto first = static_cast<std::uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    Head head{static_cast<std::uint8_t>(first >> 5), static_cast<std::uint8_t>(first & 31), 0};
    head.argument = head.info;
    if (head.info < 24 || head.info == kIndefinite) return head;
    if (head.info > 27) return malformed("a reserved length");
    const std::size_t size = std::size_t{1} << (head.info - 24);
    if (rest_.size() < size) return malformed("it breaks off");
    head.argument = 0;
    for (std::size_t i = 0; i < size; ++i) {
      head.argument = head.argument << 8 | static_cast<std::uint8_t>(rest_[i]);
    }
    rest_.remove_prefix(size);
    return head;
  }

  bool at_break() {
    if (rest_.empty() || static_cast<std::uint8_t>(rest_[0]) != 0xFF) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Result<std::string> text(const Head& head) {
    std::string all;
    if (head.info != kIndefinite) {
      if (head.argument > rest_.size()) return malformed("it breaks off");
      all = rest_.substr(0, head.argument);
      rest_.remove_prefix(head.argument);
      return all;
    }
    while (!at_break()) {
      TRY(const Head piece, this->head());
      if (piece.major != head.major || piece.info == kIndefinite) {
        return malformed("a string of strange pieces");
      }
      TRY(const std::string more, text(piece));
      all += more;
    }
    return all;
  }

  Result<json> number(const Head& head) {
    if (head.info == kIndefinite) return malformed("a number without end");
    if (head.major == kUnsigned) return json(head.argument);
    if (head.argument > INT64_MAX) return malformed("a number below -2^63");
    return json(-1 - static_cast<std::int64_t>(head.argument));
  }

  Result<json> array(const Head& head, int depth) {
    json list = json::array();
    if (head.info == kIndefinite) {
      while (!at_break()) {
        TRY(json element, item(depth + 1));
        list.push_back(std::move(element));
      }
      return list;
    }
    for (std::uint64_t i = 0; i < head.argument; ++i) {
      TRY(json element, item(depth + 1));
      list.push_back(std::move(element));
    }
    return list;
  }

  Result<json> map(const Head& head, int depth) {
    json object = json::object();
    for (std::uint64_t i = 0; head.info == kIndefinite || i < head.argument; ++i) {
      if (head.info == kIndefinite && at_break()) break;
      TRY(const json key, item(depth + 1));
      if (!key.is_string()) return malformed("a key that is no text");
      TRY(json value, item(depth + 1));
      if (!object.emplace(key.get<std::string>(), std::move(value)).second) {
        return malformed("a key twice");
      }
    }
    return object;
  }

  Result<json> simple(const Head& head) {
    switch (head.info) {
      case 20: return json(false);
      case 21: return json(true);
      case 22:
      case 23: return json(nullptr);
      case 25: return json(half_float(static_cast<std::uint16_t>(head.argument)));
      case 26: return json(double{std::bit_cast<float>(static_cast<std::uint32_t>(head.argument))});
      case 27: return json(std::bit_cast<double>(head.argument));
      default: return malformed("a simple value without meaning");
    }
  }

  Result<json> item(int depth) {
    if (depth > kCborDepthMax) return malformed("it is nested too deeply");
    TRY(const Head first, head());
    switch (first.major) {
      case kUnsigned:
      case kNegative: return number(first);
      case kBytes: {
        TRY(const std::string bytes, text(first));
        return json::binary({bytes.begin(), bytes.end()});
      }
      case kText: {
        TRY(std::string words, text(first));
        if (!is_valid_utf8(words)) return malformed("a text that is no UTF-8");
        return json(std::move(words));
      }
      case kArray: return array(first, depth);
      case kMap: return map(first, depth);
      case kTag:
        if (first.info == kIndefinite) return malformed("a tag without number");
        return item(depth + 1);
      default: return simple(first);
    }
  }

  std::string_view rest_;
  std::size_t heads_ = 0;
};

void write_head(std::string& out, Major major, std::uint64_t argument) {
  const auto first = static_cast<unsigned>(major) << 5;
  int size = 0;
  if (argument < 24) {
    out += static_cast<char>(first | argument);
    return;
  }
  while (size < 3 && argument >> (8u << size) != 0) ++size;
  out += static_cast<char>(first | static_cast<unsigned>(24 + size));
  for (int shift = (8 << size) - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(argument >> shift);
  }
}

void write_double(std::string& out, double value) {
  out += '\xFB';
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(bits >> shift);
}

void write_text(std::string& out, Major major, std::string_view text) {
  write_head(out, major, text.size());
  out += text;
}

void write_scalar(std::string& out, const Shape* shape, const json& value) {
  const bool time = shape != nullptr && shape->type == ShapeType::timestamp;
  const bool floating = shape != nullptr && shape->type == ShapeType::floating;
  if (time) write_head(out, kTag, kEpochTag);
  if (value.is_boolean()) {
    out += value.get<bool>() ? '\xF5' : '\xF4';
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (shape != nullptr && shape->type == ShapeType::blob) {
      write_text(out, kBytes, from_base64(text).value_or(""));
    } else {
      write_text(out, kText, as_utf8(text));
    }
  } else if (value.is_number() && (time || floating || value.is_number_float())) {
    write_double(out, value.get<double>());
  } else if (value.is_number_unsigned()) {
    write_head(out, kUnsigned, value.get<std::uint64_t>());
  } else if (value.is_number()) {
    const auto number = value.get<std::int64_t>();
    write_head(
        out, number < 0 ? kNegative : kUnsigned,
        number < 0 ? static_cast<std::uint64_t>(-1 - number) : static_cast<std::uint64_t>(number));
  } else {
    out += '\xF6';
  }
}

void write_value(std::string& out, const Shape* shape, const json& value) {
  if (value.is_object()) {
    write_head(out, kMap, value.size());
    for (const auto& [name, one] : value.items()) {
      write_text(out, kText, name);
      const ShapeMember* member =
          shape != nullptr && shape->type == ShapeType::structure ? shape->member(name) : nullptr;
      const bool of_map = shape != nullptr && shape->type == ShapeType::map;
      write_value(out, member != nullptr ? member->shape : of_map ? shape->element : nullptr, one);
    }
  } else if (value.is_array()) {
    write_head(out, kArray, value.size());
    for (const json& one : value) {
      write_value(out, shape != nullptr ? shape->element : nullptr, one);
    }
  } else {
    write_scalar(out, shape, value);
  }
}

}  // namespace

Result<json> read_cbor(std::string_view bytes) { return CborReader(bytes).document(); }

std::string write_cbor(const Shape* shape, const json& value) {
  std::string out;
  write_value(out, shape, value);
  return out;
}

}  // namespace aurora_global::awsapi
