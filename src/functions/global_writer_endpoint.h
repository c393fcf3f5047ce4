// The custom resource that tells CloudFormation the host name of the global writer endpoint.
//
// A template cannot read GlobalCluster's attribute GlobalEndpoint. The resource's property
// GlobalClusterIdentifier names the global cluster; its attribute is Endpoint.
//
// Source: AWS CloudFormation, "Custom resource request objects" and "response objects".
#pragma once

#include "functions/runtime.h"

namespace aurora_global::functions {

// Reads AWS_REGION and the credentials from the environment. The handler waits for an endpoint as
// long as the function may run, and then answers CloudFormation, whatever has happened. Its Error:
// the answer could not be delivered.
Result<Handler> make_global_writer_endpoint_handler(boost::asio::any_io_executor executor);

}  // namespace aurora_global::functions
