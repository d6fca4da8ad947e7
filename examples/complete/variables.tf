variable "account_id" {
  description = "Account of the log groups. Credentials of any other are an error."
  type        = string
}

variable "region" {
  description = "Region of the log groups and of all resources."
  type        = string
}

variable "name" {
  description = "Prefix of every name."
  type        = string
  default     = "logagg"
}

variable "archive_bucket" {
  description = "Bucket with the archives of a release, in the same region."
  type        = string
}

variable "shipper_archive" {
  description = "Object of the shipper's archive for arm64, with its hash from SHA256SUMS."
  type        = object({ key = string, version = optional(string), sha256 = string })
}

variable "enforcer_archive" {
  description = "Object of the enforcer's archive for arm64, with its hash from SHA256SUMS."
  type        = object({ key = string, version = optional(string), sha256 = string })
}

variable "search_url" {
  description = "URL of the Elasticsearch server."
  type        = string
}

variable "search_secret_arn" {
  description = "Secret of Secrets Manager with the API key under `api_key`."
  type        = string
}

variable "bucket" {
  description = "Bucket of the archive of log events, in the same region."
  type        = string
}

variable "retention_in_days" {
  description = "Days for which CloudWatch Logs keeps log events."
  type        = number
  default     = 365
}

variable "max_changes" {
  description = "Most log groups that may change at once, the first plan included."
  type        = number
}

variable "shipper_concurrency" {
  description = "Reserved concurrent executions of the shipper."
  type        = number
  default     = 50
}

variable "permissions_boundary" {
  description = "ARN of the permissions boundary of all roles."
  type        = string
}

variable "kms_key_arn" {
  description = "KMS key of functions, log groups, parameters, bucket, queues and secret."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets of the functions."
  type        = set(string)
}

variable "security_group_ids" {
  description = "Security groups of the functions."
  type        = set(string)
}

variable "alarm_topic_arn" {
  description = "SNS topic that alarms notify."
  type        = string
}

variable "tags" {
  description = "Tags of all resources."
  type        = map(string)
  default     = {}
}
