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

provider "aws" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}

provider "logagg" {
  region              = var.region
  allowed_account_ids = [var.account_id]
}
