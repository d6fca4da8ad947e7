variable "name" {
  description = "Prefix of every name: the function is `<name>-shipper`."
  type        = string
  default     = "logagg"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,22}[a-z0-9]$", var.name))
    error_message = "A name has 2 to 24 characters of a to z, 0 to 9 and -, and neither begins nor ends with -."
  }
  validation {
    condition     = !can(regex("^(aws|ssm)", var.name))
    error_message = "A name does not begin with aws or ssm: Systems Manager reserves these for parameters of AWS, and the configuration is a parameter below /<name>."
  }
}

variable "region" {
  description = "Region of all resources. Default: the AWS provider's."
  type        = string
  default     = null
}

variable "archive" {
  description = "The shipper's zip archive: `path` of a local file, or `bucket`, `key` and optionally `version` of an S3 object in the same region. `sha256` is in hexadecimal, as in the release's SHA256SUMS: a local file is checked against it, an object needs it."
  type = object({
    path    = optional(string)
    bucket  = optional(string)
    key     = optional(string)
    version = optional(string)
    sha256  = optional(string)
  })
  nullable = false

  validation {
    condition     = (var.archive.path == null) != (var.archive.bucket == null)
    error_message = "Give either the path of a local file, or bucket and key of an S3 object."
  }
  validation {
    condition     = var.archive.bucket == null || (var.archive.key != null && var.archive.sha256 != null)
    error_message = "An archive in S3 needs bucket, key and sha256."
  }
  validation {
    condition     = var.archive.sha256 == null || can(regex("^[0-9a-f]{64}$", var.archive.sha256))
    error_message = "sha256 has 64 hexadecimal digits in lower case."
  }
}

variable "architecture" {
  description = "Architecture that the archive is built for: `arm64` or `x86_64`."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Lambda has arm64 and x86_64."
  }
}

variable "destinations" {
  description = "The `destinations` of the shipper's configuration, by name. Write tokens as ARNs of secrets or parameters, since the configuration is in the state."
  type        = any
  default     = null

  validation {
    condition     = var.destinations != null || can(var.configuration.destinations)
    error_message = "Give destinations, or a configuration that has them."
  }
}

variable "tag_tables" {
  description = "Accounts whose tags the shipper reads, which their enforcers write below `logagg/tags/`: to the bucket for undelivered events, whose policy admits these accounts, or to another `bucket`, with its `bucket_owner` unless that is this account, its `region` unless that is the function's, and the customer managed key that encrypts it. Default: no tags."
  type = object({
    accounts     = set(string)
    bucket       = optional(string)
    bucket_owner = optional(string)
    region       = optional(string)
    kms_key_arn  = optional(string)
  })
  default = null

  validation {
    condition     = var.tag_tables == null || try(length(var.tag_tables.accounts) > 0 && alltrue([for account in var.tag_tables.accounts : can(regex("^[0-9]{12}$", account))]), false)
    error_message = "Tag tables need accounts, each by the 12 digits of its ID."
  }
}

variable "configuration" {
  description = "The shipper's configuration, for what `destinations` does not cover, such as `processing`. Its `destinations` override the argument, and the fields of its `undelivered`, `metrics`, `tags` and `backfill` those that the module sets. The role has permissions for the module's own bucket, prefix and queue alone."
  type        = any
  default     = null
}

variable "secret_arns" {
  description = "Secrets of Secrets Manager that the configuration names. The shipper may read these and no others."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "parameter_arns" {
  description = "Parameters of Systems Manager that the configuration names. The shipper may read these and its own."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "secret_kms_key_arns" {
  description = "Customer managed KMS keys that these secrets and parameters are encrypted with."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  description = "Customer managed KMS key for the function's environment, its log group, its parameter, the bucket and the queues. Its key policy has to admit CloudWatch Logs and S3. Default: keys of AWS."
  type        = string
  default     = null
}

variable "vpc_config" {
  description = "Subnets and security groups of the function. Default: no VPC."
  type = object({
    subnet_ids                  = set(string)
    security_group_ids          = set(string)
    ipv6_allowed_for_dual_stack = optional(bool)
  })
  default = null
}

variable "environment" {
  description = "Additional environment variables of the function, such as `HTTPS_PROXY` or `SSL_CERT_FILE`."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "layers" {
  description = "ARNs of Lambda layers, such as one with the certificates of a private authority."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "memory_size" {
  description = "Memory of the function in MB."
  type        = number
  default     = 256
  nullable    = false
}

variable "timeout" {
  description = "Timeout of the function in seconds, up to 900. Retries use the time that is left."
  type        = number
  default     = 60
  nullable    = false
}

variable "concurrency" {
  description = "Reserved concurrent executions. They bound what the shipper takes of the account's concurrency, and are not available to other functions. Default: none reserved."
  type        = number
  default     = null
}

variable "replay_concurrency" {
  description = "Concurrent executions that deliver stored events, 2 to 1000: the rate of the replay after an outage."
  type        = number
  default     = 10
  nullable    = false
}

variable "create_backfill" {
  description = "Whether a second function is created that forwards log events from before a filter on request, with a role that may read all log groups of the account and region."
  type        = bool
  default     = false
  nullable    = false
}

variable "backfill_exclude_log_groups" {
  description = "Names of log groups that a backfill does not read. The shipper's and its own are never read."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "tracing_mode" {
  description = "X-Ray tracing of the function: `PassThrough` or `Active`."
  type        = string
  default     = "PassThrough"
  nullable    = false

  validation {
    condition     = contains(["PassThrough", "Active"], var.tracing_mode)
    error_message = "Lambda has the tracing modes PassThrough and Active."
  }
}

variable "code_signing_config_arn" {
  description = "Code signing configuration of the function. Default: none."
  type        = string
  default     = null
}

variable "log_retention_in_days" {
  description = "Retention of the function's own log group. A policy that selects this log group has to set the same."
  type        = number
  default     = 30
}

variable "undelivered_retention_in_days" {
  description = "Days after which stored events and dead letters are deleted from the bucket."
  type        = number
  default     = 90
  nullable    = false
}

variable "force_destroy" {
  description = "Whether destroying the module deletes the bucket with the undelivered events and dead letters in it. Otherwise a bucket that is not empty stops the destroy."
  type        = bool
  default     = false
  nullable    = false
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of the role. Default: none."
  type        = string
  default     = null
}

variable "extra_policy_statements" {
  description = "Additional statements of the role's policy, such as those that an `s3`, `kinesis` or `firehose` destination needs."
  type = list(object({
    sid       = optional(string)
    effect    = optional(string, "Allow")
    actions   = set(string)
    resources = set(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default  = []
  nullable = false
}

variable "allow_cloudwatch_logs" {
  description = "Whether CloudWatch Logs may invoke the function for log groups of this account and region. Not needed where the function reads a Kinesis stream."
  type        = bool
  default     = true
  nullable    = false
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the shipper's metrics, unless `configuration` has another."
  type        = string
  default     = "logagg"
  nullable    = false
}

variable "create_alarms" {
  description = "Whether CloudWatch alarms are created."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms notify, also when they return to OK."
  type        = set(string)
  default     = []
  nullable    = false
}

variable "tags" {
  description = "Tags of all resources that take tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
