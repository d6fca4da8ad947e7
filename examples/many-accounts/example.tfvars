regions             = ["eu-central-1", "us-east-1"]
production_role_arn = "arn:aws:iam::111122223333:role/logagg"
staging_role_arn    = "arn:aws:iam::444455556666:role/logagg"
shipper_archive     = "logagg-shipper_0.1.0_arm64.zip"
enforcer_archive    = "logagg-enforcer_0.1.0_arm64.zip"
url                 = "https://search.example:9200"
