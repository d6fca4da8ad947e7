terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.8"
    }
    logagg = {
      source  = "logagg/logagg"
      version = "~> 0.1"
    }
  }
}

variable "region" {
  description = "Region of the log groups and of all resources."
  type        = string
}

variable "shipper_archive" {
  description = "Path of the shipper's archive, for arm64."
  type        = string
}

variable "enforcer_archive" {
  description = "Path of the enforcer's archive, for arm64."
  type        = string
}

variable "url" {
  description = "URL of the collector's OTLP/HTTP receiver."
  type        = string
}

variable "secret_arn" {
  description = "Secret of Secrets Manager with the bearer token."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets from which the collector, and endpoints of S3, SQS, SSM, Secrets Manager, CloudWatch Logs and Lambda, can be reached."
  type        = set(string)
}

variable "security_group_ids" {
  description = "Security groups of both functions."
  type        = set(string)
}

provider "aws" {
  region = var.region
}

provider "logagg" {
  region = var.region
}

module "logagg" {
  source = "../../modules/stack"

  shipper_archive  = { path = var.shipper_archive }
  enforcer_archive = { path = var.enforcer_archive }

  destinations = {
    collector = {
      type = "otlp"
      url  = var.url
      auth = { type = "bearer", token = var.secret_arn }
    }
  }
  secret_arns = [var.secret_arn]

  # The collector is in a private network.
  vpc_config = {
    subnet_ids         = var.subnet_ids
    security_group_ids = var.security_group_ids
  }
}

output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = module.logagg.skipped
}
