#include "core/access/rights.h"

#define GIVERS (ROLE_OFFERER | ROLE_SUPPLIER)
#define SIDES (ROLE_REQUESTER | GIVERS)

static const struct {
    uint16_t kind;
    uint64_t own, any; /* Roles. */
} RIGHTS[] = {
    {KIND_PARTY_PUT, SIDES, ROLE_OPERATOR},
    {KIND_PRODUCT_PUT, 0, ROLE_OPERATOR},
    {KIND_NEED_PUT, ROLE_REQUESTER, ROLE_OPERATOR},
    {KIND_NEED_CANCEL, ROLE_REQUESTER, ROLE_OPERATOR},
    {KIND_NEED_RELEASE, 0, ROLE_OPERATOR},
    {KIND_OFFER_PUT, GIVERS, ROLE_OPERATOR},
    {KIND_OFFER_WITHDRAW, GIVERS, ROLE_OPERATOR},
    {KIND_OFFER_RELEASE, 0, ROLE_OPERATOR},
    {KIND_CAPACITY_PUT, GIVERS, ROLE_OPERATOR},
    {KIND_ASSIGNMENT_ACCEPT, SIDES, ROLE_OPERATOR},
    {KIND_ASSIGNMENT_DECLINE, SIDES, ROLE_OPERATOR},
    {KIND_ASSIGNMENT_SHIP, GIVERS, ROLE_OPERATOR},
    {KIND_ASSIGNMENT_RECEIVE, ROLE_REQUESTER, ROLE_OPERATOR},
    {KIND_ASSIGNMENT_CANCEL, SIDES, ROLE_OPERATOR},
    {KIND_SUBSTITUTE_PUT, 0, ROLE_OPERATOR},
    {KIND_NORM_PUT, 0, ROLE_OPERATOR},
    {KIND_CERTIFICATE_PUT, 0, ROLE_OPERATOR},
    {KIND_EXCLUSION_PUT, 0, ROLE_OPERATOR},
    {KIND_KEY_REGISTER, 0, ROLE_ADMIN},
    {KIND_KEY_CONFIRM, 0, ROLE_ADMIN},
    {KIND_KEY_ROTATE, UINT64_MAX, ROLE_ADMIN}, /* Everybody's own key: the registry says whose. */
    {KIND_KEY_REVOKE, UINT64_MAX, ROLE_ADMIN},
};

bool rights_allow_command(uint64_t roles, uint16_t kind, bool is_own)
{
    for (size_t i = 0; i < COUNT_OF(RIGHTS); i++) {
        if (RIGHTS[i].kind == kind) {
            return ((RIGHTS[i].any | (is_own ? RIGHTS[i].own : 0)) & roles) != 0;
        }
    }
    return false;
}

bool rights_allow_stream(uint64_t roles, bool is_own)
{
    return ((ROLE_OPERATOR | (is_own ? SIDES : 0)) & roles) != 0;
}
