region           = "eu-central-1"
source_regions   = ["eu-central-1", "eu-west-1"]
organization_id  = "o-a1b2c3d4e5"
shipper_archive  = "logagg-shipper_0.1.0_arm64.zip"
enforcer_archive = "logagg-enforcer_0.1.0_arm64.zip"
url              = "https://search.example:9200"
