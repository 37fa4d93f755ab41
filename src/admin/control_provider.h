/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_provider - the requests about providers: "provider.list", and
 * "provider.show" with "name", a row a provider; "provider.pause" with "name"
 * and perhaps "for_ms", and "provider.resume" with "name".
 */
#ifndef ADMIN_CONTROL_PROVIDER_H
#define ADMIN_CONTROL_PROVIDER_H

struct control_call;

void control_provider_list(struct control_call *call);
void control_provider_show(struct control_call *call);
void control_provider_pause(struct control_call *call);
void control_provider_resume(struct control_call *call);
void control_provider_token(struct control_call *call); /* "token.refresh" */

#endif
