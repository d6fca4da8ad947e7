variable "account_id" {
  description = "The account that is governed. Credentials of any other are refused."
  type        = string
}

variable "region" {
  description = "The region whose log groups are governed."
  type        = string
}

variable "name" {
  description = "How everything here is called."
  type        = string
  default     = "logagg"
}

variable "architecture" {
  description = "What the functions run on, and what their archives are for: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Lambda has arm64 and x86_64."
  }
}

variable "shipper_archive" {
  description = "The shipper, as in target/package/logagg-shipper_0.1.0_arm64.zip."
  type        = string
}

variable "enforcer_archive" {
  description = "The enforcer, as in target/package/logagg-enforcer_0.1.0_arm64.zip."
  type        = string
}

variable "destinations" {
  description = "Where the shipper delivers: destinations of its configuration, by name. Write tokens as ARNs of secrets."
  type        = any
}

variable "secret_arns" {
  description = "The secrets of Secrets Manager that the destinations name. The shipper may read these and no other."
  type        = set(string)
  default     = []
}

variable "retention_in_days" {
  description = "How long CloudWatch Logs keeps events."
  type        = number
  default     = 30
}

variable "shipper_concurrency" {
  description = "How many of the account's concurrent executions the shipper may take, so that an outage of the log service does not take them all."
  type        = number
  default     = 50
}

variable "replay_concurrency" {
  description = "How many of these may deliver stored events at once, 2 to 1000: the pace after an outage."
  type        = number
  default     = 10
}

variable "alarm_topic_arns" {
  description = "SNS topics that alarms are sent to."
  type        = set(string)
  default     = []
}
