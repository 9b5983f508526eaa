"""Which command of the CLI does what an operation does, as a line to copy. A test parses each line with the CLI, and asks for one of every operation.

Operations without a command are for programs, or parts of a flow that a command goes through as a whole.
"""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    line.split(" ", 1)[0]: line.split(" ", 1)[1].strip()
    for line in """
auth_me                            capsule whoami
deploy_inspect_repository          capsule plan ada/shop --branch main
deploy_inspection                  capsule plan ada/shop
deploy_create_data_service         capsule services create postgres main
deploy_add_external_data_service   capsule services add warehouse --url-stdin
deploy_data_services               capsule services list
deploy_data_service                capsule services show main
deploy_data_service_metrics        capsule services metrics main
deploy_data_service_logs           capsule services logs cache
deploy_bind_data_service           capsule services bind main staging
deploy_unbind_data_service         capsule services unbind main staging
deploy_rotate_data_service         capsule services rotate main
deploy_scale_data_service          capsule services scale main --plan medium
deploy_open_service_tunnel         capsule services shell main
deploy_create_service_backup       capsule services backup main
deploy_service_backups             capsule services backups main
deploy_service_backup              capsule services show-backup main 8000000000a1
deploy_delete_service_backup       capsule services delete-backup main 8000000000a1
deploy_restore_data_service        capsule services restore main --backup 8000000000a1
deploy_backup_policy               capsule services backup-policy main
deploy_set_backup_policy           capsule services backup-policy main --schedule "0 3 * * *"
deploy_delete_data_service         capsule services delete main
deploy_undelete_data_service       capsule services undelete main
deploy_create_volume               capsule volumes create uploads --size 1GB
deploy_volumes                     capsule volumes list
deploy_volume                      capsule volumes show uploads
deploy_attach_volume               capsule volumes attach uploads production --at /app/media
deploy_detach_volume               capsule volumes detach uploads
deploy_resize_volume               capsule volumes resize uploads --size 5GB
deploy_delete_volume               capsule volumes delete uploads
deploy_undelete_volume             capsule volumes undelete uploads
deploy_create_volume_snapshot      capsule volumes snapshot uploads
deploy_volume_snapshots            capsule volumes snapshots uploads
deploy_delete_volume_snapshot      capsule volumes delete-snapshot uploads SNAPSHOT
deploy_restore_volume              capsule volumes restore uploads --snapshot SNAPSHOT
deploy_start_maintenance           capsule maintenance on --env production --message 'We are back at 14:00 UTC.'
deploy_end_maintenance             capsule maintenance off --env production
auth_operation                     capsule operations show 01a2b3c4-0000-7000-8000-000000000000
auth_operation_events              capsule operations follow 01a2b3c4-0000-7000-8000-000000000000
billing_operation                  capsule operations show 01a2b3c4-0000-7000-8000-000000000000
billing_operation_events           capsule operations follow 01a2b3c4-0000-7000-8000-000000000000
deploy_operation                   capsule operations show 01a2b3c4-0000-7000-8000-000000000000
deploy_operation_events            capsule operations follow 01a2b3c4-0000-7000-8000-000000000000
monitor_operation                  capsule operations show 01a2b3c4-0000-7000-8000-000000000000
monitor_operation_events           capsule operations follow 01a2b3c4-0000-7000-8000-000000000000
auth_email_suppressions            capsule admin suppressions list
auth_lift_suppression              capsule admin suppressions lift ada@example.org
auth_users                         capsule admin users list @example.org
auth_user                          capsule admin users show bob@example.org
auth_unlock_user                   capsule admin users unlock bob@example.org
auth_remove_second_factor          capsule admin users remove-2fa bob@example.org
auth_unsuspend_user                capsule admin users unsuspend bob@example.org
auth_suspend_user                  capsule admin users suspend bob@example.org --reason 'Repeated abuse reports.'
auth_audit                         capsule audit list --action deploy
auth_audit_chain                   capsule audit export --output audit.jsonl
auth_accept_invitation             capsule teams accept 'https://dashboard.example.org/accept-invitation?token=…'
auth_permissions                   capsule permissions
auth_request_password_reset        capsule password reset --email ada@example.org
auth_reset_password                capsule password reset 'https://capsule.example.org/reset-password?token=…'
auth_confirm_email_change          capsule email confirm 'https://capsule.example.org/confirm-email?token=…'
auth_revoke_sessions               capsule sessions revoke --others
auth_sessions                      capsule sessions list
auth_login                         capsule login
auth_logout                        capsule logout
auth_revoke_session                capsule sessions revoke 01a2b3c4
auth_begin_device_authorization    capsule login --device
auth_teams                         capsule teams list
auth_create_team                   capsule teams create crew
auth_delete_team                   capsule teams delete crew
auth_team                          capsule teams show crew
auth_update_team                   capsule teams rename crew Crew
auth_invitations                   capsule teams invitations crew
auth_invite_member                 capsule teams invite crew bob@example.org --role developer
auth_revoke_invitation             capsule teams uninvite crew bob@example.org
auth_team_members                  capsule teams members crew
auth_remove_member                 capsule teams remove crew bob@example.org
auth_change_member_role            capsule teams role crew bob@example.org admin
auth_set_member_grants             capsule teams grant crew bob@example.org shop:production
auth_leave_team                    capsule teams leave crew
auth_transfer_team                 capsule teams transfer crew bob@example.org
auth_service_accounts              capsule service-accounts list crew
auth_create_service_account        capsule service-accounts create crew ci --role developer
auth_delete_service_account        capsule service-accounts delete crew ci
auth_update_service_account        capsule service-accounts disable crew ci
auth_service_account_tokens        capsule service-accounts tokens crew ci
auth_create_service_account_token  capsule service-accounts create-token crew ci github-actions --scope read --scope deploy
auth_revoke_service_account_token  capsule service-accounts revoke-token crew ci github-actions
auth_tokens                        capsule tokens list
auth_create_token                  capsule tokens create ci --scope read --scope deploy --expires 90d
auth_revoke_token                  capsule tokens revoke ci
auth_register                      capsule register
auth_profile                       capsule whoami
auth_update_profile                capsule profile --name 'Ada Lovelace'
auth_restore_account               capsule account restore
auth_delete_account                capsule account delete
auth_cancel_email_change           capsule email cancel
auth_email_change                  capsule email show
auth_request_email_change          capsule email change ada@example.net
auth_email_delivery                capsule email delivery
auth_lift_own_suppression          capsule email unsuppress
auth_export                        capsule account export
billing_export                     capsule account export
deploy_export                      capsule account export
monitor_export                     capsule account export
auth_identities                    capsule account identities list
auth_unlink_identity               capsule account identities unlink 01a2b3c4
auth_passkeys                      capsule account passkeys list
auth_delete_passkey                capsule account passkeys delete 01a2b3c4
auth_rename_passkey                capsule account passkeys rename 01a2b3c4 'Work laptop'
auth_change_password               capsule password change
auth_disable_second_factor         capsule account 2fa off
auth_second_factor                 capsule account 2fa status
auth_begin_second_factor           capsule account 2fa on
auth_enable_second_factor          capsule account 2fa on
auth_replace_recovery_codes        capsule account 2fa recovery-codes
auth_resend_verification           capsule verify --resend ada@example.org
auth_verify_email                  capsule verify 'https://capsule.example.org/verify?token=…'
billing_current_bill               capsule bill
billing_customer                   capsule billing-details
billing_set_billing_details        capsule billing-details --name 'Ada Lovelace' --address '12 St James’s Square' --address London --country GB
billing_invoices                   capsule invoices list
billing_invoice                    capsule invoices show 2026-000001
billing_credit_note_pdf            capsule invoices pdf 2026-000001 --credit-note CN-2026-000001
billing_pay_invoice                capsule invoices pay 2026-000001
billing_invoice_pdf                capsule invoices pdf 2026-000001 --output invoice.pdf
billing_refund_invoice             capsule operator refund 2026-000001 --amount 5.00 --reason 'Outage of 12 November'
billing_void_invoice               capsule operator void 2026-000001 --reason 'Issued twice'
billing_operator_customers         capsule operator customers @example.org
billing_operator_invoices          capsule operator invoices --status open
billing_operator_payments          capsule operator payments --status failed
billing_payment_method             capsule subscription payment-method
billing_set_payment_method         capsule subscription payment-method pm_1Abc
billing_plans                      capsule plans
billing_cancel_subscription        capsule subscription cancel
billing_subscription               capsule subscription show
billing_subscribe                  capsule subscription change pro
billing_resume_subscription        capsule subscription resume
deploy_applications                capsule apps list
deploy_create_application          capsule apps create shop https://git.example.org/ada/shop.git
deploy_delete_application          capsule apps delete shop
deploy_application                 capsule apps show shop
deploy_change_application          capsule apps update shop --directory services/api
deploy_application_configuration   capsule env list --all
deploy_configure_application       capsule env set GREETING=Hi --all
deploy_create_deploy_key           capsule key show --app shop
deploy_rotate_deploy_key           capsule key rotate --app shop
deploy_deployments                 capsule status --app shop
deploy_deploy                      capsule deploy --ref main --env staging
deploy_deployment                  capsule status 01a2b3c4
deploy_cancel_deployment           capsule cancel 01a2b3c4
deploy_environments                capsule environments list --app shop
deploy_create_environment          capsule environments create preview
deploy_delete_environment          capsule environments delete preview
deploy_environment_configuration   capsule env list --env production
deploy_configure_environment       capsule env set GREETING=Hi --env production
deploy_protect_environment         capsule environments protect staging
deploy_restart_environment         capsule restart --env production
deploy_roll_back                   capsule rollback --release r12 --env production
deploy_start_run                   capsule run python manage.py migrate
deploy_scale_environment           capsule scale --min 1 --max 4 --memory 512 --env production
deploy_start_environment           capsule start --env staging
deploy_stop_environment            capsule stop --env staging
deploy_set_host_keys               capsule host-keys set --file known_hosts
deploy_instances                   capsule ps --env production
deploy_rename_application          capsule apps rename shop store
deploy_promote                     capsule promote --from staging --to production
deploy_releases                    capsule releases --app shop
deploy_release                     capsule releases r12 --app shop
deploy_repository_access           capsule token show --app shop
deploy_delete_repository_token     capsule token remove --app shop
deploy_set_repository_token        capsule token set --app shop
deploy_runs                        capsule runs list --app shop
deploy_add_domain                  capsule domains add shop.example.com --env production
deploy_domains                     capsule domains list --app shop
deploy_domain                      capsule domains show shop.example.com
deploy_check_domain                capsule domains check shop.example.com
deploy_change_domain               capsule domains set shop.example.com --hsts 31536000
deploy_set_domain_certificate      capsule domains certificate shop.example.com --cert fullchain.pem --key key.pem
deploy_delete_domain_certificate   capsule domains certificate shop.example.com --delete
deploy_remove_domain               capsule domains remove shop.example.com --yes
deploy_create_schedule             capsule cron add "0 3 * * *" --tz Europe/Berlin -- python manage.py nightly
deploy_schedules                   capsule cron list --app shop
deploy_change_schedule             capsule cron pause 01a2b3c4-0000-7000-8000-000000000000
deploy_delete_schedule             capsule cron delete 01a2b3c4-0000-7000-8000-000000000000
deploy_run_schedule                capsule cron run 01a2b3c4-0000-7000-8000-000000000000
deploy_schedule_runs               capsule cron history 01a2b3c4-0000-7000-8000-000000000000
deploy_scale_processes             capsule scale worker=2 --env production
deploy_run                         capsule runs show 01a2b3c4-0000-7000-8000-000000000000
deploy_attach_run                  capsule runs attach 01a2b3c4-0000-7000-8000-000000000000
deploy_cancel_run                  capsule runs cancel 01a2b3c4-0000-7000-8000-000000000000
deploy_transfer_application        capsule apps transfer shop --team crew
deploy_function_instances          capsule admin functions
deploy_quota                       capsule quota
monitor_alerts                     capsule alerts list
monitor_acknowledge_alert          capsule alerts ack 01a2b3c4
monitor_alert_channels             capsule alert-channels list --app shop
monitor_create_alert_channel       capsule alert-channels create https://example.org/hooks/alerts
monitor_delete_alert_channel       capsule alert-channels delete 01a2b3c4
monitor_try_alert_channel          capsule alert-channels test 01a2b3c4
monitor_alert_deliveries           capsule alerts deliveries --app shop
monitor_alert_rules                capsule alert-rules list --app shop
monitor_create_alert_rule          capsule alert-rules create error-rate --threshold 0.02 --env production
monitor_delete_alert_rule          capsule alert-rules delete 01a2b3c4
monitor_application_alerts         capsule alerts list --app shop
monitor_metrics                    capsule metrics --env production
monitor_logs                       capsule logs --follow
monitor_logs_v1                    capsule logs --follow
monitor_function_metrics           capsule admin functions
monitor_queues                     capsule admin queues
monitor_timeline                   capsule timeline 019a2f6e-6c52-7a3f-9d53-3c1f0f5f1c9e
monitor_webhook_event_types        capsule webhooks event-types
monitor_webhooks                   capsule webhooks list
monitor_create_webhook             capsule webhooks add https://example.org/capsule --event deployment.failed
monitor_delete_webhook             capsule webhooks delete 01a2b3c4
monitor_webhook                    capsule webhooks show 01a2b3c4
monitor_update_webhook             capsule webhooks update 01a2b3c4 --url https://example.org/capsule
monitor_webhook_deliveries         capsule webhooks deliveries 01a2b3c4 --state failed
monitor_redeliver_webhook          capsule webhooks redeliver 01a2b3c4 01a2b3c5
monitor_rotate_webhook_secret      capsule webhooks rotate-secret 01a2b3c4
monitor_send_test_event            capsule webhooks test 01a2b3c4
auth_dead_letters                  capsule admin dead-letters list --context auth
auth_settle_dead_letters           capsule admin dead-letters replay --context auth --error RateUnknown
billing_dead_letters               capsule admin dead-letters list --context billing
billing_settle_dead_letters        capsule admin dead-letters replay --context billing --error RateUnknown
deploy_dead_letters                capsule admin dead-letters list --context deploy
deploy_settle_dead_letters         capsule admin dead-letters replay --context deploy --error RateUnknown
monitor_dead_letters               capsule admin dead-letters list --context monitor
monitor_settle_dead_letters        capsule admin dead-letters replay --context monitor --error RateUnknown
health                             capsule admin health
""".strip().splitlines()
}
"""Operation id → command line."""
