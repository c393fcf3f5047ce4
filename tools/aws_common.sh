# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # The two scripts use what is set here, and set `program`.
# What deploy.sh and destroy.sh share; sourced by them. Names of a copy of the system, the state of
# its stacks, the AWS CLI with clear errors, waits with a deadline, and how to delete what is kept.

# A failure inside $(...) must end the script as one outside of it does.
shopt -s inherit_errexit
# The CLI would open a pager on a terminal.
export AWS_PAGER=

readonly primary_region=us-east-1 secondary_region=us-west-2 default_name=aurora-global
# In the order of deployment, as the CDK app (cdk/) calls them.
readonly stacks=(AuroraGlobalKmsStackPrimary AuroraGlobalKmsStackSecondary AuroraGlobalPrimaryStack
  AuroraGlobalSecondaryStack AuroraGlobalPeeringRoutesStack)
declare -rA region_of=(
  [AuroraGlobalKmsStackPrimary]=$primary_region [AuroraGlobalKmsStackSecondary]=$secondary_region
  [AuroraGlobalPrimaryStack]=$primary_region [AuroraGlobalSecondaryStack]=$secondary_region
  [AuroraGlobalPeeringRoutesStack]=$primary_region)

name=$default_name
assume_yes=false
# A platform on this machine in place of AWS, and its directory; empty: where `aurora-global` looks.
on_platform=false
platform_home=''
readonly limit_s=${AURORA_GLOBAL_LIMIT_S:-7200}
poll_s=${AURORA_GLOBAL_POLL_S:-10}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'fail "interrupted; what AWS has begun goes on there. Run $program again when it has ended: it goes on from there"' INT TERM

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
note() { printf '    %s\n' "$*" >&2; }
fail() {
  printf '%s: %s\n' "$program" "$1" >&2
  exit "${2:-1}"
}

check_common_arguments() {
  $on_platform || [ -z "$platform_home" ] || fail "--home $platform_home names a platform on this machine: it needs --local" 2
  [[ $name =~ ^[a-z][a-z0-9]*(-[a-z0-9]+)*$ && ${#name} -ge 2 && ${#name} -le 20 ]] ||
    fail "--name '$name' is no name: 2 to 20 lower-case letters, digits and single hyphens, beginning with a letter" 2
  [[ $limit_s =~ ^[1-9][0-9]*$ ]] ||
    fail "AURORA_GLOBAL_LIMIT_S='$limit_s' is no number of seconds" 2
  [[ $poll_s =~ ^[0-9]+(\.[0-9]+)?$ ]] ||
    fail "AURORA_GLOBAL_POLL_S='$poll_s' is no number of seconds" 2
}

# platform COMMAND...: a command of the platform. platform_command: how a person would type it.
platform() { bin/aurora-global ${platform_home:+--home "$platform_home"} "$@"; }
platform_command() { printf 'bin/aurora-global%s' "${platform_home:+ --home $(printf '%q' "$platform_home")}"; }
# DIR of --home, relative to where the caller is.
set_platform_home() {
  platform_home=$1
  case "$1" in '' | /*) ;; *) platform_home=$caller_directory/$1 ;; esac
}

# From here on the AWS CLI and the CDK talk to the regions of the platform, as in a shell of
# `aurora-global env`.
enter_platform() {
  local environment
  # What of another shell is loaded would be kept for its undo.
  environment=$(platform env "$primary_region") ||
    fail "there is no platform to talk to; $(platform_command) up --empty makes one" 3
  eval "$environment"
  poll_s=${AURORA_GLOBAL_POLL_S:-0.5}
}

# What tells this copy from others, in a command for a person.
copy_options() {
  [ "$name" = $default_name ] || printf ' --name %s' "$name"
  ! $on_platform || printf ' --local%s' "${platform_home:+ --home $(printf '%q' "$platform_home")}"
}
# Stacks and functions of the default copy have their bare names.
prefixed() { if [ "$name" = $default_name ]; then printf '%s' "$1"; else printf '%s-%s' "$name" "$1"; fi; }
global_cluster() { printf '%s-db' "$name"; }
cluster() { printf '%s-db-%s' "$name" "$1"; }

# aws_try REGION QUERY ARGUMENT...: asks the AWS CLI. Success: `answer` is what QUERY selects, fields
# separated by tabs, empty if there is nothing. Failure: `problem` is the CLI's message.
aws_try() {
  local region=$1 query=$2 told=$scratch/error.$BASHPID
  shift 2
  answer='' problem=''
  if answer=$(aws "$@" --region "$region" --query "$query" --output text 2>"$told"); then
    [ "$answer" != None ] || answer=''
    return 0
  fi
  problem=$(grep -v '^$' "$told" | tail -n 1 || true)
  problem=${problem:-"aws $1 $2 failed and said nothing"}
  return 1
}

# aws_ask ABSENT REGION QUERY ARGUMENT...: the same, but an error that does not match ABSENT ends the
# script. ABSENT is what AWS says of a thing that does not exist: the answer is then empty.
aws_ask() {
  local absent=$1
  shift
  aws_try "$@" && return
  [[ -n $absent && $problem =~ $absent ]] || fail "aws $3 $4 in $1: $problem"
}

# As aws_try, for a wait: the network may fail now and then, but not three times in a row.
poll_failures=0
aws_poll() {
  if aws_try "$@"; then
    poll_failures=0
    return 0
  fi
  poll_failures=$((poll_failures + 1))
  [ "$poll_failures" -lt 3 ] || fail "aws $3 $4 in $1, three times in a row: $problem"
  return 1
}

# await WHAT CONDITION...: until CONDITION holds, or the limit is over. What it puts into `seen` is
# shown whenever it changes.
await() {
  local what=$1 ends=$((SECONDS + limit_s)) shown=''
  shift
  poll_failures=0 seen=''
  until "$@"; do
    if [ "$seen" != "$shown" ]; then
      note "$seen"
      shown=$seen
    fi
    [ "$SECONDS" -lt "$ends" ] ||
      fail "not within $limit_s s: $what (last seen: ${seen:-nothing}); look at it, then run $program again: it goes on from there"
    sleep "$poll_s"
  done
}

# side_by_side FUNCTION ARG...: runs FUNCTION for each ARG, all at once, each in a shell of its own.
# What they print comes in the order of the ARGs. A failure ends the script with its words.
side_by_side() {
  local function=$1 one running=() index code
  shift
  for one in "$@"; do
    index=${#running[@]}
    ("$function" "$one") >"$scratch/$index.told" 2>"$scratch/$index.problem" &
    running+=($!)
  done
  for index in "${!running[@]}"; do
    wait "${running[index]}" || {
      code=$?
      cat "$scratch/$index.problem" >&2
      exit $code
    }
    cat "$scratch/$index.told"
  done
}

# Credentials that work: sets `account` and `caller`.
aws_identity() {
  aws_try "$primary_region" '[Account,Arn]' sts get-caller-identity || return 1
  IFS=$'\t' read -r account caller <<<"$answer"
}
readonly get_aws_cli="AWS CLI: aws is not on PATH; apt-get install awscli, or
      https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"
get_credentials() {
  if $on_platform; then
    printf 'the platform: %s\n      %s up' "$problem" "$(platform_command)"
    return
  fi
  # The shell of `aurora-global env`, which is not AWS.
  if [ -n "${AWS_ENDPOINT_URL:-}" ]; then
    printf 'credentials: this shell talks to %s, not to AWS\n      eval "$(bin/aurora-global env --undo)" takes that away' \
      "$AWS_ENDPOINT_URL"
    return
  fi
  printf 'credentials: %s\n      aws configure, or aws sso login; export AWS_PROFILE where there are several' "$problem"
}

# For each stack: state (empty: there is none), arn, and the tag that tells whether it keeps its data.
declare -A state arn retained
ask_stack() {
  aws_ask 'does not exist' "${region_of[$1]}" \
    "Stacks[0].[StackStatus,StackId,Tags[?Key=='aurora-global:retain'].Value|[0]]" \
    cloudformation describe-stacks --stack-name "$(prefixed "$1")"
  printf '%s\n' "$answer"
}
read_stacks() {
  local id told
  told=$(side_by_side ask_stack "${stacks[@]}")
  for id in "${stacks[@]}"; do
    # Of the last ones, where there is nothing, $(...) has taken the empty lines away.
    IFS=$'\t' read -r "state[$id]" "arn[$id]" "retained[$id]" || true
  done <<<"$told"
}

# A stack that was never created, or whose creation was undone, has no resources of its own.
is_empty_state() {
  case "$1" in
    '' | REVIEW_IN_PROGRESS | ROLLBACK_COMPLETE) return 0 ;;
    *) return 1 ;;
  esac
}

show_stacks() {
  local id
  for id in "${stacks[@]}"; do
    printf '  %-48s %-10s %s\n' "$(prefixed "$id")" "${region_of[$id]}" "${state[$id]:--}"
  done
}

why() { # why STACK REGION: the command that tells what failed.
  printf "aws cloudformation describe-stack-events --stack-name %s --region %s --output table \\\\\n        --query \"StackEvents[?contains(ResourceStatus,'FAILED')].[Timestamp,LogicalResourceId,ResourceStatusReason]\"" "$1" "$2"
}

# Without a terminal there is nobody to ask, and going on unasked is for --yes alone.
confirm() {
  $assume_yes && return
  [ -t 0 ] || fail "nothing was changed: this is no terminal to ask at; give --yes to go on" 2
  local reply
  read -r -p "Type yes to go on: " reply || reply=''
  [ "$reply" = yes ] || fail "nothing was changed"
}

# What is kept, one "TYPE REGION ID" each.
things=()
# Databases before what they use; CloudFormation's type names.
readonly deletion_order=(AWS::RDS::DBInstance AWS::RDS::DBCluster AWS::RDS::GlobalCluster
  AWS::RDS::DBClusterParameterGroup AWS::RDS::DBSubnetGroup AWS::SecretsManager::Secret
  AWS::Logs::LogGroup AWS::EC2::SecurityGroup AWS::EC2::Subnet AWS::EC2::VPC AWS::KMS::Alias
  AWS::KMS::Key)

# How to delete `things`, in an order that works.
print_deletion() {
  local wanted in thing type region id
  for in in "$secondary_region" "$primary_region"; do
    for thing in "${things[@]}"; do
      read -r type region id <<<"$thing"
      [ "$type $region" = "AWS::RDS::DBCluster $in" ] || continue
      printf '  aws rds remove-from-global-cluster --global-cluster-identifier %s --region %s \\\n      --db-cluster-identifier arn:aws:rds:%s:%s:cluster:%s\n' \
        "$(global_cluster)" "$in" "$in" "$account" "$id"
      printf '  aws rds wait db-cluster-available --db-cluster-identifier %s --region %s\n' "$id" "$in"
    done
  done
  for wanted in "${deletion_order[@]}"; do
    # The networks of a platform are records of their stacks; no API deletes them.
    ! $on_platform || [[ $wanted != AWS::EC2::* ]] || continue
    for thing in "${things[@]}"; do
      read -r type region id <<<"$thing"
      [ "$type" != "$wanted" ] || print_deletion_of "$type" "$region" "$id"
    done
  done
}

print_deletion_of() {
  local region=$2 id=$3 line
  {
    case "$1" in
      AWS::RDS::DBInstance) echo "rds delete-db-instance --db-instance-identifier $id" ;;
      AWS::RDS::DBCluster)
        echo "rds modify-db-cluster --db-cluster-identifier $id --no-deletion-protection --apply-immediately"
        if $on_platform; then echo "rds delete-db-cluster --db-cluster-identifier $id --skip-final-snapshot"
        else echo "rds delete-db-cluster --db-cluster-identifier $id --final-db-snapshot-identifier $id-final"; fi
        echo "rds wait db-cluster-deleted --db-cluster-identifier $id"
        ;;
      AWS::RDS::GlobalCluster)
        echo "rds modify-global-cluster --global-cluster-identifier $id --no-deletion-protection"
        echo "rds delete-global-cluster --global-cluster-identifier $id"
        ;;
      AWS::RDS::DBClusterParameterGroup)
        echo "rds delete-db-cluster-parameter-group --db-cluster-parameter-group-name $id" ;;
      AWS::RDS::DBSubnetGroup) echo "rds delete-db-subnet-group --db-subnet-group-name $id" ;;
      AWS::SecretsManager::Secret)
        # Without recovery: in its recovery window a secret still holds its name.
        if [ "$region" = "$primary_region" ]; then
          echo "secretsmanager remove-regions-from-replication --secret-id $id --remove-replica-regions $secondary_region"
        else
          echo "secretsmanager stop-replication-to-replica --secret-id $id"
        fi
        echo "secretsmanager delete-secret --secret-id $id --force-delete-without-recovery"
        ;;
      AWS::Logs::LogGroup) echo "logs delete-log-group --log-group-name $id" ;;
      AWS::EC2::SecurityGroup) echo "ec2 delete-security-group --group-id $id" ;;
      AWS::EC2::Subnet) echo "ec2 delete-subnet --subnet-id $id" ;;
      AWS::EC2::VPC) echo "ec2 delete-vpc --vpc-id $id" ;;
      AWS::KMS::Alias) echo "kms delete-alias --alias-name $id" ;;
      AWS::KMS::Key) echo "kms schedule-key-deletion --key-id $id --pending-window-in-days 7" ;;
    esac
  } | while read -r line; do printf '  aws %s --region %s\n' "$line" "$region"; done
}
