// Whose calls they are: credentials as AWS's SDKs find them, as far as they lie in plain sight.
#pragma once

#include <functional>
#include <string>

#include "awsapi/sigv4.h"

namespace aurora_global::awsclient {

// The value of an environment variable; "" if it is not set.
using Environment = std::function<std::string(const char* name)>;
std::string process_environment(const char* name);

// AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; else the section AWS_PROFILE
// (default: "default") of AWS_SHARED_CREDENTIALS_FILE (default: ~/.aws/credentials). Reads the file
// while the caller waits. Fails with `invalid`: what was looked for and what to do; never with a
// secret in it.
Result<awsapi::Credentials> find_credentials(const Environment& environment = process_environment);

}  // namespace aurora_global::awsclient
