#!/usr/bin/env bash
# Deploys an Aurora global database over two regions of AWS, with the functions that exercise it, by
# the CDK app in cdk/. Looks first and changes nothing until everything it needs is there.
set -euo pipefail
# Paths in the environment are relative to where the caller is.
for variable in RDS_CA_BUNDLE AURORA_GLOBAL_CDK AURORA_GLOBAL_PACKAGE; do
  case "${!variable:-}" in
    /*) ;;
    */* | *.pem) export "$variable=$PWD/${!variable}" ;;
  esac
done
caller_directory=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")"
readonly program=deploy.sh
# shellcheck source=tools/aws_common.sh
source tools/aws_common.sh

usage() {
  cat <<'HELP'
Usage: ./deploy.sh [options]

  --name NAME     which copy of the system; all names in AWS derive from it (default: aurora-global)
  --no-retain     a disposable copy: ./destroy.sh --force deletes its data, too. Without it clusters,
                  secret, keys and what they use survive the deletion of the stacks
  -c KEY=VALUE    configuration, may be repeated: engineVersion, minCapacity, maxCapacity, readers,
                  backupRetentionDays, logRetentionDays, zones, alarmEmail, failoverAuth
  --local         onto regions on this machine in place of AWS, by the same steps; where none run,
                  `aurora-global up --empty` starts them
  --home DIR      with --local: the directory of the platform (default: as `aurora-global` chooses)
  --yes           do not ask. Without a terminal this is required; without it the script then shows
                  what it would do, and ends
  --help          this

Run again after a failure it goes on from there. Environment: the AWS CLI's (AWS_PROFILE ...),
RDS_CA_BUNDLE, AURORA_GLOBAL_LIMIT_S, and more in docs/reference/deploy.md.

Exit codes: 0 done; 1 something failed; 2 wrong arguments; 3 prerequisites are missing.
HELP
}

retain=true
context=()
arguments() {
  while [ $# -gt 0 ]; do
    case "$1" in
      --name | --home | -c) [ $# -ge 2 ] || fail "$1 needs a value; ./deploy.sh --help" 2 ;;
    esac
    case "$1" in
      --name) name=$2; shift ;;
      --no-retain) retain=false ;;
      --local) on_platform=true ;;
      --home) set_platform_home "$2"; shift ;;
      -c)
        [[ $2 =~ ^[A-Za-z][A-Za-z0-9:/@_-]*=. ]] || fail "-c '$2' is not KEY=VALUE; ./deploy.sh --help" 2
        case "${2%%=*}" in
          name) fail "-c $2: give --name instead" 2 ;;
          retain) fail "-c $2: give --no-retain, or nothing, instead" 2 ;;
          account | lambdaDir) fail "-c $2: this script says it itself" 2 ;;
        esac
        context+=(-c "$2")
        shift
        ;;
      --yes) assume_yes=true ;;
      -h | --help) usage; exit 0 ;;
      *) fail "no option '$1'; ./deploy.sh --help" 2 ;;
    esac
    shift
  done
  check_common_arguments
}

# Everything that is missing, at once: a list that grows with every attempt is no list.
missing=()
unbootstrapped=()  # "aws://ACCOUNT/REGION" each.
node_prerequisites() {
  local version get_node="https://nodejs.org, or what ./dev test uses: npm install --prefix build/node node@22"
  if ! command -v node >/dev/null; then
    missing+=("Node.js 20 or newer: node is not on PATH
      $get_node")
  else
    version=$(node --version) || version="node --version fails"
    [[ $version =~ ^v([0-9]+)\. && ${BASH_REMATCH[1]} -ge 20 ]] || missing+=("Node.js 20 or newer: this is $version
      $get_node")
  fi
  command -v npm >/dev/null || missing+=("npm: it is not on PATH
      it comes with Node.js; Debian: apt-get install npm")
  [ -f cdk/package-lock.json ] || missing+=("the CDK app: cdk/package-lock.json is not there
      the checkout is not complete; git checkout -- cdk")
}

# Regions to deploy onto: of an empty platform, or one that was deployed onto before.
start_platform() {
  say "the platform"
  platform up --empty >&2 || fail "there is no platform to deploy onto" 3
  enter_platform
}

# The CDK CLI, from its folder. On a platform it has a home of its own there.
cdk() { cdk_in cdk "$@"; }
cdk_in() { # cdk_in FOLDER ARGUMENT...
  local folder=$1 cli=${AURORA_GLOBAL_CDK:-$PWD/cdk/node_modules/.bin/cdk}
  shift
  if $on_platform; then
    (cd "$folder" && HOME=$AURORA_GLOBAL_HOME/cdk timeout --foreground "$limit_s" "$cli" "$@" </dev/null)
  else
    (cd "$folder" && timeout --foreground "$limit_s" "$cli" "$@" </dev/null)
  fi
}

aws_prerequisites() {
  local region found=() wanted=()
  if ! command -v aws >/dev/null; then
    missing+=("$get_aws_cli")
    return
  fi
  if ! aws_identity; then
    missing+=("$(get_credentials)
      without them nobody can tell whether the CDK is bootstrapped; that comes next")
    return
  fi
  for region in "$primary_region" "$secondary_region"; do
    if ! aws_try "$region" Parameter.Value ssm get-parameter --name /cdk-bootstrap/hnb659fds/version; then
      [[ $problem == *ParameterNotFound* ]] && problem="not bootstrapped"
    elif [[ $answer =~ ^[0-9]+$ && $answer -ge 6 ]]; then
      continue
    else
      problem="version '$answer'"
    fi
    found+=("      $region: $problem")
    wanted+=("aws://$account/$region")
  done
  unbootstrapped=("${wanted[@]}")
  $on_platform || [ ${#found[@]} -eq 0 ] || missing+=("bootstrap of the CDK, version 6 or newer
$(printf '%s\n' "${found[@]}")
      (cd cdk && npm ci && npx cdk bootstrap ${wanted[*]})")
}

readonly downloaded_bundle=build/rds-ca-bundle.pem
package_prerequisites() {
  ! $on_platform || return 0
  [ -x /usr/bin/python3 ] || missing+=("Python: /usr/bin/python3 is not there
      apt-get install python3")
  if [ -n "${RDS_CA_BUNDLE:-}" ]; then
    grep -qs 'BEGIN CERTIFICATE' "$RDS_CA_BUNDLE" || missing+=("RDS_CA_BUNDLE: $RDS_CA_BUNDLE is no file with certificates
      AWS's global-bundle.pem, or unset the variable: it is then downloaded")
  elif [ ! -e $downloaded_bundle ] && ! command -v curl >/dev/null; then
    missing+=("curl, for the authorities of RDS: it is not on PATH
      apt-get install curl, or RDS_CA_BUNDLE=FILE with AWS's global-bundle.pem")
  fi
}

check_prerequisites() {
  say "prerequisites"
  node_prerequisites
  aws_prerequisites
  package_prerequisites
  [ ${#missing[@]} -eq 0 ] && return
  {
    printf '%s: missing, with what to do:\n' "$program"
    printf '  - %s\n' "${missing[@]}"
    printf 'Nothing was changed.\n'
  } >&2
  exit 3
}

# Stacks that can be neither created nor updated.
check_states() {
  local id stack region bad=()
  for id in "${stacks[@]}"; do
    stack=$(prefixed "$id") region=${region_of[$id]}
    case "${state[$id]}" in
      # The CDK deletes what is left of a creation that was undone, and creates it again.
      # What stopped without being undone goes on from there.
      REVIEW_IN_PROGRESS | ROLLBACK_COMPLETE | CREATE_FAILED | UPDATE_FAILED) ;;
      *_IN_PROGRESS) bad+=("  $stack ($region) is ${state[$id]}: an operation is under way. Wait for its end:
      aws cloudformation describe-stacks --stack-name $stack --region $region --query 'Stacks[0].StackStatus'") ;;
      UPDATE_ROLLBACK_FAILED) bad+=("  $stack ($region) is ${state[$id]}. Find out why, mend it, then finish the return to the old state:
      $(why "$stack" "$region")
      aws cloudformation continue-update-rollback --stack-name $stack --region $region") ;;
      DELETE_FAILED) bad+=("  $stack ($region) is ${state[$id]}: its deletion was begun. Find out why it stopped, then end it:
      $(why "$stack" "$region")
      ./destroy.sh$(copy_options)") ;;
      *_FAILED) bad+=("  $stack ($region) is ${state[$id]}. Find out why, then delete it:
      $(why "$stack" "$region")
      aws cloudformation delete-stack --stack-name $stack --region $region") ;;
    esac
  done
  [ ${#bad[@]} -eq 0 ] && return
  {
    printf '%s: stacks that cannot be updated:\n' "$program"
    printf '%s\n' "${bad[@]}"
    printf 'Nothing was changed.\n'
  } >&2
  exit 1
}

# What exists although the stack that would create it does not: kept by an earlier deletion, or by a
# creation that was undone. CloudFormation would fail half-way, after a quarter of an hour.
# look_for_... ID prints a line for a person, and "thing TYPE REGION THING" for what can be deleted.
found_thing() { printf 'thing %s %s %s\n' "$1" "$2" "$3"; }
leftover() { # leftover ID TYPE REGION THING WHAT
  found_thing "$2" "$3" "$4"
  printf '  %s (%s), which %s would create\n' "$5" "$3" "$(prefixed "$1")"
}

look_for_key() {
  local alias=alias/$name region=${region_of[$1]} key key_state
  aws_ask NotFoundException "$region" 'KeyMetadata.[KeyId,KeyState]' kms describe-key --key-id "$alias"
  [ -n "$answer" ] || return 0
  IFS=$'\t' read -r key key_state <<<"$answer"
  leftover "$1" AWS::KMS::Alias "$region" "$alias" "key alias $alias of the key $key"
  # With its alias in the way the key is not: a new one is created beside it.
  [ "$key_state" = PendingDeletion ] || found_thing AWS::KMS::Key "$region" "$key"
}

look_for_cluster() {
  local region=${region_of[$1]} instance id
  id=$(cluster "$region")
  aws_ask DBClusterNotFoundFault "$region" \
    "DBClusters[0].[Status,join(',',DBClusterMembers[].DBInstanceIdentifier)]" \
    rds describe-db-clusters --db-cluster-identifier "$id"
  [ -n "$answer" ] || return 0
  leftover "$1" AWS::RDS::DBCluster "$region" "$id" "cluster $id"
  for instance in $(cut -f2 <<<"$answer" | tr ',' ' '); do
    leftover "$1" AWS::RDS::DBInstance "$region" "$instance" "instance $instance"
  done
}

look_for_global_cluster() {
  local id
  id=$(global_cluster)
  aws_ask GlobalClusterNotFoundFault "$primary_region" 'GlobalClusters[0].Status' \
    rds describe-global-clusters --global-cluster-identifier "$id"
  [ -z "$answer" ] || leftover "$1" AWS::RDS::GlobalCluster "$primary_region" "$id" "global cluster $id"
}

look_for_secret() {
  local id=$name/credentials region in_primary=false
  for region in "$primary_region" "$secondary_region"; do
    aws_ask ResourceNotFoundException "$region" '[Name,DeletedDate]' secretsmanager describe-secret --secret-id "$id"
    case "$answer" in
      '') continue ;;
      *None) echo "  secret $id ($region), which $(prefixed "$1") would create" ;;
      *) echo "  secret $id ($region), which is scheduled for deletion and still holds its name
      to have it back: aws secretsmanager restore-secret --secret-id $id --region $region" ;;
    esac
    # A replica goes with its source.
    $in_primary || found_thing AWS::SecretsManager::Secret "$region" "$id"
    in_primary=true
  done
}

readonly functions=(crud-global-endpoint crud-write-forwarding failover global-writer-endpoint)
# One list in place of a question for each: the CLI takes longer to start than to ask.
is_listed() { [[ $'\t'${answer//$'\n'/$'\t'}$'\t' == *$'\t'"$1"$'\t'* ]]; }

look_for_log_groups() {
  local region=${region_of[$1]} function group wanted
  wanted=("/aws/rds/cluster/$(cluster "$region")/postgresql" "/aws/apigateway/$name-failover")
  for function in "${functions[@]}"; do wanted+=("/aws/lambda/$(prefixed "$function")"); done
  aws_ask '' "$region" 'logGroups[].logGroupName' logs describe-log-groups --log-group-name-prefix /aws/
  for group in "${wanted[@]}"; do
    ! is_listed "$group" || leftover "$1" AWS::Logs::LogGroup "$region" "$group" "log group $group"
  done
}

# Functions of the default copy have bare names, which somebody else may have, too: they are named,
# and how to delete them is not.
look_for_functions() {
  local region=${region_of[$1]} function
  aws_ask '' "$region" 'Functions[].FunctionName' lambda list-functions
  for function in "${functions[@]}"; do
    function=$(prefixed "$function")
    ! is_listed "$function" || echo "  function $function ($region), which $(prefixed "$1") would create
      it may be somebody else's: aws lambda get-function --function-name $function --region $region"
  done
}

look_for_leftovers() {
  case "$1" in
    AuroraGlobalKms*) look_for_key "$1" ;;
    AuroraGlobalPrimaryStack)
      look_for_global_cluster "$1"
      look_for_cluster "$1"
      look_for_secret "$1"
      look_for_log_groups "$1"
      look_for_functions "$1"
      ;;
    AuroraGlobalSecondaryStack)
      look_for_cluster "$1"
      look_for_log_groups "$1"
      look_for_functions "$1"
      ;;
  esac
}

print_import() {
  local package='./dev package' directory=' -c lambdaDir=../build/package'
  if $on_platform; then
    # shellcheck disable=SC2016  # For the shell of who reads it.
    printf '  eval "$(%s env %s)"\n' "$(platform_command)" "$primary_region"
    package="./dev package --local" directory=" -c lambdaDir=../$package_dir"
  fi
  printf '  %s\n  (cd cdk && npm ci && npx cdk import STACK -c name=%s -c retain=%s -c account=%s%s)\n' \
    "$package" "$name" "$retain" "$account" "$directory"
}

check_leftovers() {
  say "leftovers of an earlier deployment"
  local id empty=() found line leftovers=()
  for id in "${stacks[@]}"; do
    ! is_empty_state "${state[$id]}" || empty+=("$id")
  done
  found=$(side_by_side look_for_leftovers "${empty[@]}")
  while IFS= read -r line; do
    case "$line" in
      '') ;;
      'thing '*) things+=("${line#thing }") ;;
      *) leftovers+=("$line") ;;
    esac
  done <<<"$found"
  [ ${#leftovers[@]} -eq 0 ] && return
  {
    printf '%s: these exist although their stack does not:\n' "$program"
    printf '%s\n' "${leftovers[@]}"
    printf 'Nothing was changed. Leave them alone and deploy beside them:\n  ./deploy.sh --name OTHER\n'
    printf 'Or have the CDK adopt them, stack by stack; it asks for the id of each, also of the network and the key that they use:\n'
    print_import
    local left=' but for the final snapshots, which need the key'
    ! $on_platform || left=''
    printf 'Or delete them, in this order; their data is then gone%s:\n' "$left"
    print_deletion
  } >&2
  exit 1
}

show_plan() {
  local id data
  data="kept when the stacks are deleted"
  $retain || data="deleted with the stacks (./destroy.sh --force)"
  cat <<PLAN
Deployment of $name
  account   $account, as $caller
  regions   $primary_region (primary), $secondary_region
  data      $data${context[*]:+
  context   ${context[*]}}
PLAN
  show_stacks
  for id in "${stacks[@]}"; do
    case "${state[$id]}" in
      '' | REVIEW_IN_PROGRESS) ;;
      ROLLBACK_COMPLETE) echo "  $(prefixed "$id"): its creation failed; it is deleted and created again" ;;
      CREATE_FAILED | UPDATE_FAILED) echo "  $(prefixed "$id"): stopped half-way; it goes on from there" ;;
      *) [ "${retained[$id]}" = $retain ] || echo "  $(prefixed "$id"): retain changes from ${retained[$id]/None/unknown} to $retain" ;;
    esac
  done
}

install_cdk() {
  if [ ! -e cdk/node_modules/.package-lock.json ] || [ cdk/package-lock.json -nt cdk/node_modules/.package-lock.json ]; then
    say "npm ci (the CDK)"
    npm ci --silent --no-audit --no-fund --prefix cdk </dev/null >&2 || fail "npm ci failed in cdk/; nothing was changed in AWS"
  fi
}

# Values are judged by the CDK app, before anything is built for them.
check_context() {
  local given=() one
  for one in "${context[@]}"; do [ "$one" = -c ] || given+=("$one"); done
  (cd cdk && node --import tsx bin/check-context.ts "name=$name" "retain=$retain" "account=$account" "${given[@]}" </dev/null) >&2 ||
    fail "the configuration is wrong; nothing was built, nothing was changed in AWS" 2
}

prepare() {
  local bundle=${RDS_CA_BUNDLE:-$downloaded_bundle} package=(./dev package)
  if $on_platform; then
    package=(./dev package --local)
    bundle=$AURORA_GLOBAL_HOME/server-ca.crt
    mkdir -p "$AURORA_GLOBAL_HOME/cdk"
  elif [ ! -e "$bundle" ]; then
    say "authorities of RDS"
    mkdir -p build
    curl --fail --silent --show-error --location --retry 3 --max-time 60 --output "$scratch/bundle.pem" \
      https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem ||
      fail "the authorities of RDS cannot be downloaded; RDS_CA_BUNDLE=FILE names a copy of AWS's global-bundle.pem. Nothing was changed in AWS"
    grep -q 'BEGIN CERTIFICATE' "$scratch/bundle.pem" ||
      fail "what was downloaded as the authorities of RDS holds no certificate (a proxy?); RDS_CA_BUNDLE=FILE names a copy of AWS's global-bundle.pem. Nothing was changed in AWS"
    mv "$scratch/bundle.pem" "$bundle"
  fi
  say "the functions"
  [ -z "${AURORA_GLOBAL_PACKAGE:-}" ] || package=("$AURORA_GLOBAL_PACKAGE")
  "${package[@]}" "$bundle" >&2 || fail "the functions were not built (${package[*]} $bundle); nothing was changed in AWS"
}

# Only a platform: what the CDK needs in an account is the account's own decision.
bootstrap() { # bootstrap aws://ACCOUNT/REGION
  local log=$out/bootstrap-${1##*/}.log
  # In the app's folder the CLI would run the app as well.
  cdk_in "$out" bootstrap "$1" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    fail "the CDK's bootstrap failed; what it said: $log"
  }
}

# What is deployed stack by stack: the app is run, and its templates are judged, once.
synthesize() {
  rm -rf "$out/cdk.out"
  cdk synth --quiet --output "$PWD/$out/cdk.out" -c "name=$name" -c "retain=$retain" \
    -c "account=$account" -c "lambdaDir=$PWD/$package_dir" "${context[@]}" >"$out/synth.log" 2>&1 || {
    tail -n 40 "$out/synth.log" >&2
    fail "the CDK app was not synthesized; what it said: $out/synth.log. Nothing was changed in AWS"
  }
}

# One of what the first stack needs, all of which go side by side.
make_ready() {
  if [ "$1" = synthesis ]; then synthesize; else bootstrap "$1"; fi
}

# A creation that is undone leaves behind what is retained, in the way of the next: it stops instead.
rollback_option() { # rollback_option ID
  case "${state[$1]}" in
    '' | REVIEW_IN_PROGRESS | ROLLBACK_COMPLETE | CREATE_FAILED | UPDATE_FAILED) echo --no-rollback ;;
  esac
}

deploy_stack() { # deploy_stack NUMBER ID
  local id=$2 region=${region_of[$2]} log=$PWD/$out/$2.log begin=$SECONDS code=0 step command rollback
  rollback=$(rollback_option "$id")
  step="[$1/${#stacks[@]}] $(prefixed "$id") ($region) ..."
  command=(cdk deploy "$id" --exclusively
    --require-approval never ${rollback:+"$rollback"} --outputs-file "$PWD/$out/$id.json"
    --app "$PWD/$out/cdk.out")
  rm -f "$out/$id.json"
  if [ -t 2 ]; then
    printf '%s\n' "$step" >&2
    "${command[@]}" 2>&1 | tee "$log" >&2 || code=$?
    printf '%s ' "$step" >&2
  else
    # Not a terminal: silent unless something is wrong.
    printf '%s ' "$step" >&2
    "${command[@]}" >"$log" 2>&1 || code=$?
  fi
  if [ $code = 0 ]; then
    printf 'done in %d s\n' $((SECONDS - begin)) >&2
    return
  fi
  printf 'failed after %d s\n' $((SECONDS - begin)) >&2
  [ -t 2 ] || tail -n 40 "$log" >&2
  [ $code != 124 ] || printf '%s: not within %d s (AURORA_GLOBAL_LIMIT_S)\n' "$program" "$limit_s" >&2
  if ! aws_try "$region" 'Stacks[0].StackStatus' cloudformation describe-stacks --stack-name "$(prefixed "$id")" &&
    [[ $problem == *'does not exist'* ]]; then
    fail "$(prefixed "$id") ($region) was not deployed: the CDK ended before it created the stack. What it said: $log
  When it is mended, ./deploy.sh with the same options goes on from here."
  fi
  fail "$(prefixed "$id") ($region) was not deployed. What the CDK said: $log
  What failed:
      $(why "$(prefixed "$id")" "$region")
  When it is mended, ./deploy.sh with the same options goes on from here."
}

# All outputs in one file, and as "STACK KEY VALUE" on standard output.
merge_outputs() {
  /usr/bin/python3 - "$out" "${stacks[@]}" <<'PYTHON'
import json, pathlib, sys

folder = pathlib.Path(sys.argv[1])
merged = {}
for stack in sys.argv[2:]:
    merged.update(json.loads((folder / f"{stack}.json").read_text()))
(folder / "outputs.json").write_text(json.dumps(merged, indent=2) + "\n")
for stack, outputs in merged.items():
    for key, value in outputs.items():
        if not key.startswith("PublishOutput"):  # What the stacks tell each other.
            print(stack, key, value)
PYTHON
}

show_outputs() {
  local stack key value last='' primary url='' function='' dashboard='' lines
  primary=$(prefixed AuroraGlobalPrimaryStack)
  lines=$(merge_outputs)
  while read -r stack key value; do
    [ "$stack" = "$last" ] || printf '%s\n' "$stack"
    last=$stack
    printf '  %-28s %s\n' "$key" "$value"
    case "$stack $key" in
      "$primary FailoverApiUrl") url=https://$value/failover ;;
      "$primary GlobalEndpointLambdaArn") function=$value ;;
      "$primary DashboardName") dashboard=$value ;;
    esac
  done <<<"$lines"
  [[ -n $url && -n $function && -n $dashboard ]] ||
    fail "$primary has no output FailoverApiUrl, GlobalEndpointLambdaArn or DashboardName; see $out/outputs.json"
  # shellcheck disable=SC2016  # For the shell of who reads it.
  local keys='eval "$(aws configure export-credentials --format env)"' shell='' metrics='' outputs=''
  metrics="
  # Metrics: https://$primary_region.console.aws.amazon.com/cloudwatch/home?region=$primary_region#dashboards:name=$dashboard"
  if $on_platform; then
    shell="
  # In this shell \`aws\` talks to the platform
  eval \"\$($(platform_command) env $primary_region)\""
    # shellcheck disable=SC2016  # The same.
    keys='AWS_ACCESS_KEY_ID=$(aws configure get aws_access_key_id)
  AWS_SECRET_ACCESS_KEY=$(aws configure get aws_secret_access_key)'
    metrics='' outputs=" --outputs $out/outputs.json"
  fi
  cat <<NEXT
All outputs: $out/outputs.json

Next:$shell
  # Move the writer while rows are created, read, updated and deleted
  aws lambda invoke --function-name $function --region $primary_region --cli-read-timeout 900 \\
      --cli-binary-format raw-in-base64-out \\
      --payload '{"trigger_failover": true, "operations": 50, "operation_type": "mixed"}' response.json
  # Move the writer by HTTP; the keys go through a pipe, for everybody can read a command line
  $keys
  printf 'user = "%s:%s"\n%s\n' "\$AWS_ACCESS_KEY_ID" "\$AWS_SECRET_ACCESS_KEY" \\
      "\${AWS_SESSION_TOKEN:+header = \"x-amz-security-token: \$AWS_SESSION_TOKEN\"}" |
    curl -K - --aws-sigv4 aws:amz:$primary_region:execute-api -X POST $url \\
      -H 'Content-Type: application/json' -d '{"failover_type": "planned"}'
  # Where the writer is
  aws rds describe-global-clusters --global-cluster-identifier $(global_cluster) --region $primary_region$metrics
  # A drill, with a report
  bin/aurora-global drill drills/functions.toml --target aws$outputs
  # The end
  ./destroy.sh$(copy_options)$($retain || printf ' --force')
NEXT
}

arguments "$@"
out=out/deploy/$name package_dir=build/package
if $on_platform; then
  out=out/deploy-local/$name package_dir=build/package-local
  start_platform
fi
# Where the machine's Node.js is too old, ./dev brings a newer one.
export PATH="$PWD/build/node/node_modules/node/bin:$PATH"
check_prerequisites
say "stacks"
read_stacks
check_states
check_leftovers
show_plan
confirm
install_cdk
check_context
mkdir -p "$out"
prepare
say "synthesis${unbootstrapped[*]:+, bootstrap of the CDK}"
side_by_side make_ready synthesis "${unbootstrapped[@]}"
for index in "${!stacks[@]}"; do
  deploy_stack $((index + 1)) "${stacks[$index]}"
done
show_outputs
