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
  description = "URL of the Elasticsearch server."
  type        = string
}

variable "secret_arn" {
  description = "Secret of Secrets Manager with the API key, encoded as Elasticsearch returns it."
  type        = string
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
    search = {
      type  = "elasticsearch"
      url   = var.url
      index = "logs-lambda"
      auth  = { type = "api_key", api_key = var.secret_arn }
    }
  }
  secret_arns = [var.secret_arn]
}

output "skipped" {
  description = "Log groups that are selected but not subscribed, each with the reason."
  value       = module.logagg.skipped
}
